"""A Space made or brought up to date from the checkout, in one commit."""

import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from stylexfer.errors import HubRefused, HubUnreachable, StylexferError
from stylexfer.packs.hub import refusals
from stylexfer.space.files import OWNED, changed_files, commit_of, space_files

THUMBNAIL = "examples/thumbnail.jpg"
_FRONT = re.compile(rb"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True)
class Pushed:
    """commit: of the Space. files, deleted: names. hardware: what it was asked to run on."""

    url: str
    commit: str
    files: list[str]
    deleted: list[str]
    hardware: str | None = None


def space_readme(root: Path, address: str) -> bytes:
    """README.md for the Space at `address`: its front matter names the thumbnail by address, for
    the Hub takes it no other way. StylexferError where there is no front matter."""
    text = (root / "README.md").read_bytes()
    front = _FRONT.match(text)
    if not front or b"\nsdk: gradio\n" not in front[0] or b"\napp_file: app.py\n" not in front[0]:
        raise StylexferError(
            "README.md does not begin with a Space's front matter (sdk: gradio, app_file: app.py): "
            "take it from the repository."
        )
    line = f"thumbnail: {address}/resolve/main/{THUMBNAIL}\n".encode()
    return front[0].removesuffix(b"---\n") + line + b"---\n" + text[front.end() :]


def check_tree(root: Path, files: dict[str, Path], dirty: bool) -> str:
    """The message of the Space's commit. StylexferError for files that are not committed, unless
    `dirty`: what runs in public should be found again in the history."""
    changed = changed_files(root, files)
    if changed and not dirty:
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if changed[5:] else "")
        raise StylexferError(f"Not committed: {shown}. Commit them, or push as it is with --dirty.")
    commit = commit_of(root)
    message = f"stylexfer {commit[:12]}" if commit else "stylexfer"
    return message + (", with local changes" if changed else "")


def push_space(
    root: Path,
    repo: str,
    *,
    private: bool = False,
    hardware: str | None = None,
    dirty: bool = False,
    token: str | None = None,
    endpoint: str | None = None,
) -> Pushed:
    """Make the Space `repo` (user/name) if it is not there, and bring it up to date.

    All in one commit, on top of the one that was looked at: a Space is never half of one state and
    half of another, and large files that arrived before a cut are not sent again. hardware: asked
    for after that, by the Hub's name for it. HubRefused (name, token, rights), HubUnreachable,
    PackMismatch, StylexferError.
    """
    if repo.count("/") != 1:
        raise HubRefused(f"{repo!r} is no name of a Space: write user/name.")
    files = space_files(root)
    message = check_tree(root, files, dirty)
    api = HfApi(endpoint=endpoint, token=token)
    address = f"{api.endpoint}/spaces/{repo}"
    readme = space_readme(root, address)
    operations = [
        CommitOperationAdd(name, readme if name == "README.md" else path)
        for name, path in files.items()
    ]
    with refusals(repo):
        options = {"repo_type": "space", "space_sdk": "gradio", "private": private or None}
        api.create_repo(repo, exist_ok=True, **options)
        there = api.repo_info(repo, repo_type="space")
        names = [file.rfilename for file in there.siblings or []]
        deleted = [name for name in names if name.startswith(OWNED) and name not in files]
        operations += [CommitOperationDelete(name) for name in deleted]
        made = api.create_commit(
            repo, operations, commit_message=message, repo_type="space", parent_commit=there.sha
        )
    pushed = Pushed(address, made.oid, list(files), deleted, hardware)
    if hardware:
        try:
            with refusals(repo):
                api.request_space_hardware(repo, hardware)
        except HubUnreachable as problem:
            raise HubUnreachable(_but_not_hardware(pushed, problem)) from problem
        except HubRefused as problem:
            raise HubRefused(_but_not_hardware(pushed, problem)) from problem
    return pushed


def _but_not_hardware(pushed: Pushed, problem: HubRefused) -> str:
    return (
        f"The Space is whole at {pushed.url}, but it did not get {pushed.hardware}. {problem} Or "
        "choose the hardware in its settings; all but cpu-basic may cost money."
    )
