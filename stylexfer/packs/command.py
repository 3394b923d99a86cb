"""The command line's `pack build | show | verify | pull | push`."""

import argparse
import sys
from pathlib import Path

from stylexfer.errors import StylexferError, TermsNotAccepted
from stylexfer.packs.build import DTYPES, build_pack, check_request, terms_text
from stylexfer.packs.hub import fetch, pull, push, split_revision
from stylexfer.packs.originals import HUB, recipe
from stylexfer.packs.pack import (
    default_pack,
    methods,
    read_json,
    read_manifest,
    resolve_pack,
    verify_pack,
)


def build(args: argparse.Namespace) -> int:
    """Make a pack of released files (ffhq)."""
    sources = recipe(args.name)
    given = {}
    for option in sources:
        if value := getattr(args, option.replace("-", "_")):
            given[option] = value
    out = Path(args.out)
    check_request(sources, given, out)
    _agree(terms_text(sources[option] for option in given), args.accept_terms)
    manifest = build_pack(args.name, sources, given, out, DTYPES[args.dtype])
    size = sum(facts["bytes"] for facts in manifest["files"].values())
    print(f"{out}: {size / 1e6:.0f} MB, does {', '.join(methods(manifest))}")
    print(f"Open it with: python app.py --pack {out}")
    return 0


def _agree(terms: str, accepted: bool) -> None:
    """Show the terms; go on only if somebody accepts them. TermsNotAccepted."""
    print(terms, end="\n\n", flush=True)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise TermsNotAccepted(
            "Nobody is here to accept the terms above: read them, and add --accept-terms."
        )
    if input("Do you accept these terms? [y/N] ").strip().lower() not in ("y", "yes"):
        raise TermsNotAccepted("Nothing was built, because the terms were not accepted.")


def show(args: argparse.Namespace) -> int:
    """What is in a pack; or of what it can be built."""
    folder = resolve_pack(args.folder)
    manifest = read_json(folder) if folder else None
    if manifest and "recipe" in manifest:
        _show_recipe(manifest["name"])
        return 0
    manifest = read_manifest(folder or fetch(args.folder, args.revision, method=None))
    _show(manifest)
    return 0


def verify(args: argparse.Namespace) -> int:
    """Check the sha256 of every file of a pack."""
    folder = resolve_pack(args.folder) or fetch(args.folder, args.revision)
    _show(verify_pack(folder))
    print(f"{folder}: every file is as it was made")
    return 0


def _show(manifest: dict) -> None:
    for key in ("name", "version", "description", "licence", "dtype"):
        print(f"{key:12} {manifest.get(key, '')}")
    print(f"{'size':12} {manifest['architecture']['generator']['size']} px")
    print(f"{'methods':12} {', '.join(methods(manifest))}")
    for name, facts in manifest["files"].items():
        print(f"{name:32} {facts['bytes'] / 1e6:7.2f} MB  {facts['sha256'][:16]}")
    for option, facts in manifest.get("originals", {}).items():
        known = "known" if facts["known"] else "UNKNOWN"
        print(f"--{option:30} {known:7}  {facts.get('sha256', '')[:16]:16}  {facts['file']}")


def _show_recipe(name: str) -> None:
    manifest = read_json(resolve_pack(name))
    print(f"{name}: {manifest['description']}. Not built yet; it is made of:")
    for option, source in recipe(name).items():
        needed = " (needed)" if source.required else ""
        print(f"\n--{option}{needed}  {source.about}\n    {source.licence}. {source.terms}")
        for file in source.files:
            print(f"    {file.file}  {file.bytes or '?'} bytes  sha256 {file.sha256 or 'unknown'}")
            if file.source:
                print(f"        {file.source}")
            for mirror in file.mirrors:
                kind = "spaces/" if mirror.type == "space" else ""
                print(
                    f"        Hub, confidence {mirror.confidence}: {kind}{mirror.repo} {mirror.path}"
                )
            if file.note:
                print(f"        {file.note}")


def pull_pack(args: argparse.Namespace) -> int:
    """Fetch a pack from the Hub, all of it, checked."""
    folder = pull(args.repo, args.revision, args.out and Path(args.out))
    print(folder)
    if args.out is None:
        print(
            f"Use it, also without a network: --pack {split_revision(args.repo)[0]}@{folder.name}"
        )
    return 0


def push_pack(args: argparse.Namespace) -> int:
    """Publish a pack on the Hub."""
    folder = resolve_pack(args.pack)
    if folder is None:
        raise StylexferError(f"There is no pack at {args.pack}: give --pack FOLDER.")
    commit = push(folder, args.repo, private=args.private)
    print(f"{args.repo} at commit {commit}")
    print(f"Pin it where it is used: STYLEXFER_PACK={args.repo}@{commit}")
    return 0


def add_pack_commands(commands: argparse._SubParsersAction) -> None:
    """`pack` and its actions."""
    actions = commands.add_parser("pack", help="build, show, verify, pull or push a pack")
    actions = actions.add_subparsers(required=True, metavar="build | show | verify | pull | push")

    command = actions.add_parser("build", help=build.__doc__)
    names = command.add_subparsers(required=True, metavar="NAME", dest="name")
    made = names.add_parser("ffhq", help="1024 px, of the released checkpoints")
    for option, source in recipe("ffhq").items():
        hint = f"{source.about}; FILE or '{HUB}'" if _mirrored(source) else source.about
        made.add_argument(
            f"--{option}", metavar="FILE", help=("needed: " if source.required else "") + hint
        )
    made.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    made.add_argument(
        "--dtype", choices=DTYPES, default="bf16", help="of the large weights (%(default)s)"
    )
    made.add_argument("--accept-terms", action="store_true", help="of all files, for scripts")
    made.set_defaults(run=build)

    for run in (show, verify):
        command = actions.add_parser(run.__name__, help=run.__doc__)
        command.add_argument("folder", help="folder, name or Hub id")
        command.add_argument("--revision", help="of a Hub id: commit, tag or branch")
        command.set_defaults(run=run)

    command = actions.add_parser("pull", help=pull_pack.__doc__)
    command.add_argument("repo", metavar="REPO", help="user/name, or user/name@REVISION")
    command.add_argument("--revision", help="commit, tag or branch")
    command.add_argument("--out", metavar="DIR", help="a copy to carry (else: in the Hub's cache)")
    command.set_defaults(run=pull_pack)

    command = actions.add_parser("push", help=push_pack.__doc__)
    command.add_argument("repo", metavar="REPO", help="user/name")
    command.add_argument("--pack", default=default_pack(), help="name or folder (%(default)s)")
    command.add_argument("--private", action="store_true", help="for you alone")
    command.set_defaults(run=push_pack)


def _mirrored(source) -> bool:
    return any(mirror.confidence == "A" for file in source.files for mirror in file.mirrors)
