"""Packs on the Hugging Face Hub: fetch at one commit, check, publish."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from stylexfer.errors import (
    HubRefused,
    HubUnreachable,
    PackMismatch,
    PackNotFound,
    StylexferError,
)
from stylexfer.packs.pack import (
    MANIFEST,
    broken_files,
    parts_of,
    read_manifest,
    resolve_pack,
    verify_pack,
    write_manifest,
)

ATTEMPTS = 3  # at one file; within each, huggingface_hub resumes a cut connection where it was
_PAUSE = 1.0  # seconds before the next
_NOTICES = ("LICENSE.txt", "README.md")
_FINAL = (  # asking again changes nothing
    HFValidationError,
    OfflineModeIsEnabled,
    EntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

Result = TypeVar("Result")


def split_revision(name: str, revision: str | None = None) -> tuple[str, str | None]:
    """`user/pack@COMMIT` -> (`user/pack`, `COMMIT`); an explicit revision goes before."""
    repo, _, pinned = str(name).partition("@")
    return repo, revision or pinned or None


def _patiently(action: Callable[[], Result]) -> Result:
    """`action()`, tried again after a failure of the network, not after an answer of the Hub."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Exception as problem:  # the network's errors are of many kinds
            answered = isinstance(problem, HfHubHTTPError) and problem.response.status_code < 500
            if answered or isinstance(problem, (*_FINAL, StylexferError)) or attempt == ATTEMPTS:
                raise
            time.sleep(_PAUSE)
    raise AssertionError


def _get(repo: str, name: str, revision: str | None, **options) -> Path:
    """One file of a repository, in the cache. PackNotFound, with what to do."""
    at = f" at revision {revision!r}" if revision else ""
    try:
        return Path(_patiently(lambda: hf_hub_download(repo, name, revision=revision, **options)))
    except RevisionNotFoundError as problem:
        raise PackNotFound(f"{repo} has no revision {revision!r}: check it.") from problem
    except RemoteEntryNotFoundError as problem:
        raise PackNotFound(f"{repo}{at} holds no {name}: it is no (whole) pack.") from problem
    except GatedRepoError as problem:
        raise PackNotFound(
            f"{repo} is gated: accept its terms on its page on the Hub, then log in "
            "(hf auth login, or the variable HF_TOKEN)."
        ) from problem
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as problem:
        raise PackNotFound(
            f"No pack {repo!r}: it is no folder, no name in checkpoints/, the Hub cannot be "
            f"reached, and {name}{at} is not in the cache. Check the name and the network; or run "
            f"python -m stylexfer pack pull {repo} --out DIR on a machine with a network, copy "
            "DIR here and give it as the pack."
        ) from problem
    except Exception as problem:
        raise PackNotFound(
            f"No pack {repo!r}: it is no folder, no name in checkpoints/, and the Hub gave none "
            f"({name}{at}: {type(problem).__name__}). Check the name and the network, log in if it "
            "is private, and run this again: files that came whole are kept."
        ) from problem


def fetch(name: str, revision: str | None = None, method: str | None = "all", **options) -> Path:
    """A pack on the Hub, in the cache, checked; the folder, whose name is the commit.

    name: `user/pack` or `user/pack@REVISION`. method: only what `load_pack` needs for it (None:
    for the best it can do); "all": every component. A damaged file is fetched again, once.
    options: those of `hf_hub_download` (`token`, `cache_dir`, `force_download`,
    `local_files_only`, `endpoint`). PackNotFound, PackMismatch.
    """
    repo, revision = split_revision(name, revision)
    folder = _get(repo, MANIFEST, revision, **options).parent
    commit = folder.name
    manifest = read_manifest(folder)
    names = list(manifest["files"])
    if method != "all":
        names = [f"{part}.safetensors" for part in parts_of(manifest, method)[1].values()]
    for file in names:
        _get(repo, file, commit, **options)
    bad = broken_files(folder, manifest, names)
    for file in bad:
        if options.get("local_files_only"):
            raise PackMismatch(
                f"{folder / file} is damaged: delete it and fetch the pack again with a network."
            )
        _get(repo, file, commit, **{**options, "force_download": True})
    if bad := broken_files(folder, manifest, bad):
        raise PackMismatch(
            f"{repo} serves {', '.join(bad)} that are not the files its {MANIFEST} names, twice: "
            "ask its owner to push the pack again, or take another revision."
        )
    return folder


def locate_pack(name: str | Path, method: str | None = None, **options) -> Path:
    """The folder of a pack by name, path or Hub id; from the Hub, what `method` needs is fetched.

    options: as of `fetch`, and `revision`. PackNotFound, PackMismatch.
    """
    return resolve_pack(name) or fetch(str(name), method=method, **options)


def pull(repo: str, revision: str | None, out: Path | None, **options) -> Path:
    """Fetch a whole pack; with `out`, a folder that can be carried elsewhere, complete or not there."""
    folder = fetch(repo, revision, **options)
    repo, _ = split_revision(repo)
    for name in _NOTICES:
        try:
            _get(repo, name, folder.name, **options)
        except PackNotFound:  # a pack of one's own need not have them
            continue
    if out is None:
        return folder
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST).unlink(missing_ok=True)  # of an older pack: no half of either is one
    manifest = read_manifest(folder)
    for name in (*manifest["files"], *_NOTICES):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / f"{name}.tmp")
            os.replace(out / f"{name}.tmp", out / name)
    write_manifest(out, manifest)
    return out


def model_card(manifest: dict) -> str:
    """README.md of the repository: what it is, of what it was made, under which terms."""
    rows = [
        f"| {name} | {facts['bytes'] / 1e6:.1f} MB | {facts['origin']} | {facts['licence']} |"
        for name, facts in manifest["files"].items()
    ]
    return "\n".join(
        [
            "---",
            "library_name: stylexfer",
            "license: other",
            "license_name: see-below",
            "tags: [stylegan2, face-reenactment, image-to-video]",
            "---",
            f"# {manifest.get('name', 'pack')}",
            "",
            manifest.get("description", ""),
            "",
            f"Licence: {manifest.get('licence', '')}",
            "",
            "| file | size | origin | licence |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def open_repo(
    repo: str, *, private: bool = False, token: str | None = None, endpoint: str | None = None
) -> None:
    """Make the model `repo` if it is not there. HubRefused; HubUnreachable, to try again later."""
    api = HfApi(endpoint=endpoint, token=token)
    with refusals(repo):
        _patiently(lambda: api.create_repo(repo, private=private, exist_ok=True))


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Publish a checked pack as the model `repo`; returns the commit to pin.

    One commit, so a pack on the Hub is never half a pack; what was uploaded before a cut is not
    sent again. Pictures beside the pack, which its card may show, go along. HubRefused (token,
    rights), HubUnreachable, PackMismatch.
    """
    manifest = verify_pack(folder)
    notice = folder / _NOTICES[0]
    if "nvidia" in str(manifest.get("licence", "")).lower() and not notice.is_file():
        raise PackMismatch(
            f"{folder} holds weights under NVIDIA's licence, which may be passed on only with its "
            f"full text: put that into {notice} and push again."
        )
    card = folder / _NOTICES[1]
    added = {name: folder / name for name in (*manifest["files"], MANIFEST)}
    pictures = [*folder.glob("*.png"), *folder.glob("*.jpg")]
    added |= {path.name: path for path in sorted(pictures)}
    if notice.is_file():
        added[notice.name] = notice
    operations = [
        CommitOperationAdd(path_in_repo=name, path_or_fileobj=path) for name, path in added.items()
    ]
    text = card.read_bytes() if card.is_file() else model_card(manifest).encode()
    operations.append(CommitOperationAdd(path_in_repo=card.name, path_or_fileobj=text))
    open_repo(repo, private=private, token=token, endpoint=endpoint)
    with refusals(repo):
        # Not patiently: it tries every upload again by itself, and a commit must not be made twice.
        commit = HfApi(endpoint=endpoint, token=token).create_commit(
            repo, operations, commit_message=f"Pack {manifest.get('name', '')}".strip()
        )
    return commit.oid


@contextmanager
def refusals(repo: str) -> Iterator[None]:
    """What goes wrong while something is sent, as HubRefused or HubUnreachable."""
    try:
        yield
    except HFValidationError as problem:
        raise HubRefused(f"{repo!r} is no name of a repository: write user/name.") from problem
    except OfflineModeIsEnabled as problem:
        raise HubRefused("HF_HUB_OFFLINE is set: unset it to push.") from problem
    except HfHubHTTPError as problem:
        kind = HubUnreachable if problem.response.status_code >= 500 else HubRefused
        raise kind(_refusal(repo, problem)) from problem
    except Exception as problem:
        raise HubUnreachable(
            f"The connection to the Hub failed ({type(problem).__name__}: {problem}): run this "
            "again; files that were sent are not sent twice."
        ) from problem


def _refusal(repo: str, problem: HfHubHTTPError) -> str:
    status = problem.response.status_code
    if status == 401:
        return (
            "The Hub wants to know who you are, or refuses your token: log in with hf auth login, "
            "or set HF_TOKEN to a token that may write."
        )
    if status == 403:
        return f"Your token may not write to {repo}: take one with write access, or your own name."
    if status == 404:
        return f"There is no {repo}, or your token may not see it: check name and token."
    return f"The Hub answered {status} ({str(problem).splitlines()[0]}): try again later."
