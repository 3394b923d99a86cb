"""Which files of the checkout make the Space: what the app runs on, and what its page shows.

Not the tests, not the training, not the evaluation's people, and no pack but the default one:
others are named by $STYLEXFER_PACK and come from the Hub.
"""

import subprocess
from pathlib import Path

from stylexfer.errors import StylexferError
from stylexfer.packs.pack import MANIFEST, verify_pack

SINGLE = ("README.md", "app.py", "requirements.txt", "LICENSE", "NOTICE", "pyproject.toml")
PATTERNS = (
    "stylexfer/**/*",
    "examples/*",
    "examples/clips/*",
    "examples/paintings/*",
    "examples/photos/*",
    "checkpoints/ffhq/pack.json",
    "checkpoints/ffhq/licences/*",
)
# On the Space, everything in these folders is ours: what is gone here is deleted there. All else
# that its owner put there stays.
OWNED = ("stylexfer/", "examples/", "checkpoints/")
_DEFAULT = "checkpoints/default"


def checkout() -> Path:
    """The folder that this package lies in. StylexferError where that is no checkout."""
    root = Path(__file__).resolve().parents[2]
    missing = [name for name in SINGLE if not (root / name).is_file()]
    if missing:
        raise StylexferError(
            f"{root} is no checkout ({', '.join(missing)} missing): run this in a clone of the "
            "repository."
        )
    return root


def space_files(root: Path) -> dict[str, Path]:
    """Name on the Space -> file here, sorted. The default pack is checked. PackMismatch."""
    manifest = verify_pack(root / _DEFAULT)  # a clone without LFS has pointers in their place
    names = {*SINGLE, f"{_DEFAULT}/{MANIFEST}", *(f"{_DEFAULT}/{n}" for n in manifest["files"])}
    for pattern in PATTERNS:
        for path in root.glob(pattern):
            name = path.relative_to(root)
            hidden = any(part.startswith((".", "__pycache__")) for part in name.parts)
            if path.is_file() and not path.is_symlink() and not hidden:
                names.add(name.as_posix())
    return {name: root / name for name in sorted(names)}


def commit_of(root: Path) -> str | None:
    """The commit that is checked out; None where there is no git, as in a downloaded archive."""
    return _git(root, "rev-parse", "--verify", "HEAD")


def changed_files(root: Path, names: dict[str, Path]) -> list[str]:
    """Those of `names` that are not as committed; none where there is no git."""
    said = _git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
    entries = [entry[3:] for entry in (said or "").split("\0") if entry]
    return sorted(set(entries) & set(names))


def _git(root: Path, *arguments: str) -> str | None:
    if not (root / ".git").exists():  # not the repository that this folder may lie in
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.rstrip("\n")
