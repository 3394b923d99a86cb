"""The command line's `space push`."""

import argparse

from stylexfer.space.files import OWNED, checkout, space_files
from stylexfer.space.push import check_tree, push_space, space_readme


def push(args: argparse.Namespace) -> int:
    """Make a Space of this checkout, or bring one up to date."""
    root = checkout()
    if args.dry_run:
        return _list(root, args)
    done = push_space(
        root, args.repo, private=args.private, hardware=args.hardware, dirty=args.dirty
    )
    print(f"{done.url} at commit {done.commit}: {len(done.files)} files")
    for name in done.deleted:
        print(f"deleted {name}")
    if done.hardware:
        print(f"asked for {done.hardware}")
    return 0


def _list(root, args: argparse.Namespace) -> int:
    files = space_files(root)
    message = check_tree(root, files, args.dirty)
    space_readme(root, "")
    total = 0
    for name, path in files.items():
        total += (size := path.stat().st_size)
        print(f"{size:10} {name}")
    print(f"{len(files)} files, {total / 1e6:.1f} MB, as {message!r}. Nothing was sent.")
    print(f"On a Space that exists, anything else in {', '.join(OWNED)} would be deleted.")
    return 0


def add_space_commands(commands: argparse._SubParsersAction) -> None:
    """`space` and its action."""
    actions = commands.add_parser("space", help="make a Hugging Face Space of this checkout")
    actions = actions.add_subparsers(required=True, metavar="push")
    command = actions.add_parser("push", help=push.__doc__)
    command.add_argument("repo", metavar="REPO", help="user/name")
    command.add_argument("--private", action="store_true", help="a new Space is for you alone")
    command.add_argument(
        "--hardware", metavar="NAME", help="cpu-basic (free), cpu-upgrade, zero-a10g, t4-small, .."
    )
    command.add_argument("--dry-run", action="store_true", help="list the files; send nothing")
    command.add_argument("--dirty", action="store_true", help="also what is not committed")
    command.set_defaults(run=push)
