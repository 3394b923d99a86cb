"""`python -m stylexfer evaluate`: the paper's section 4.3 on pairs of clips and identities.

Every frame of each test clip drives one frame of another identity, with every model of the table,
and each clip drives its own first frame (self-reenactment). `OUT` holds

    table.md, result.json        the numbers, with intervals
    frames/MODEL/PAIR.csv        a line a frame
    sheet_MODEL.png              every pair
    comparison.png               a line a pair, a column a model (the paper's figure 4)
    grid_MODEL.png               people x drivers (figure 3)
    signals/PAIR.png             the signals over time
    pairs.csv, results/          what was run, and the results of single pairs: a run that was
                                 stopped goes on, and those of other settings are made again
"""

import argparse
import datetime
import hashlib
import json
import os
from pathlib import Path

from stylexfer.errors import StylexferError
from stylexfer.media import save_picture
from stylexfer.metrics import pairs, sheets
from stylexfer.metrics.motion import FACE_SIGNALS, signals_of
from stylexfer.metrics.plots import plot
from stylexfer.metrics.runner import Plan, Results, Runner, hardware, slug
from stylexfer.metrics.store import key_of, write_whole
from stylexfer.metrics.summary import summarise
from stylexfer.metrics.table import as_json, markdown, pair_csv
from stylexfer.metrics.variants import parse_all
from stylexfer.packs import default_pack
from stylexfer.packs.hub import locate_pack
from stylexfer.tensors import usable_device

UNITS = {"yaw": "yaw, deg", "pitch": "pitch, deg", "lids": "eyes open"}
UNITS |= {name: name.replace("_", " ") for name in FACE_SIGNALS}


def evaluate(args: argparse.Namespace) -> int:
    """Pose MAE, FL CORR, CSIM and the rest on pairs of clips and identities, with intervals."""
    folder, out = Path(args.pairs), Path(args.out)
    if args.targets < 1:
        raise StylexferError("--targets is how many people a clip drives: at least 1.")
    if args.seed < 0:
        raise StylexferError("--seed is a number from 0 on.")
    plan = Plan(
        folder,
        pairs.open_pairs(folder, args.targets, args.seed),
        parse_all(args.model or [default_pack()], args.outputs),
        usable_device(args.device),
        None if args.measure_with is None else locate_pack(args.measure_with, None),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        if out.resolve() != folder.resolve():
            pairs.write_pairs(out / pairs.TABLE, plan.pairs)
    except OSError as problem:
        raise StylexferError(
            f"Nothing can be written in {out} ({problem.strerror}): choose another --out."
        ) from problem
    runner = Runner(plan, out)
    results = runner.run()

    firsts = [(pair.clip, pair.frames) for pair in plan.pairs]
    clusters = [firsts.index(first) for first in firsts]
    summaries, own = summarise(results, clusters)
    facts = _facts(plan, results, clusters)
    write_whole(out / "table.md", markdown(summaries, own, facts).encode())
    line = json.dumps(as_json(summaries, own, facts))
    write_whole(out / "result.json", (line + "\n").encode())
    _write_frames(runner, results)
    _write_pictures(runner, results)
    print(line)
    return 0


def _facts(plan: Plan, results: Results, clusters: list[int]) -> dict:
    """What belongs under a table."""
    models = [{k: v for k, v in x.facts().items() if k != "name"} for x in plan.variants]
    settings = {
        "by": results.by,
        "pairs": [[p.clip, p.identity, p.identity_frame, p.frames] for p in plan.pairs],
        "models": models,
    }
    packs = dict.fromkeys(
        f"{x['pack']} {x['version']} {x['pack_sha256'][:12]}" for x in models if "pack" in x
    )
    return {
        "date": datetime.date.today().isoformat(),
        "hardware": hardware(plan.device),
        "pairs": len(plan.pairs),
        "clips": len(set(clusters)),
        "identities": len({(p.identity, p.identity_frame) for p in plan.pairs}),
        "pose_by": results.by["pose"],
        "recognition_trained_with": results.by["recognition"] or "not in the packs",
        "recognition_never_trained_with": results.by["unseen"],
        "lpips": results.by["lpips"] or "not at hand: python -m stylexfer.metrics.perceptual",
        "packs": ", ".join(packs),
        "settings": hashlib.sha256(key_of(settings).encode()).hexdigest()[:12],
    }


def _write_frames(runner: Runner, results: Results) -> None:
    for row in results.rows:
        for k, (driver, cross) in enumerate(zip(results.drivers, row.cross, strict=True)):
            if "failure" not in cross[0]:
                path = runner.out / "frames" / slug(row.variant.name) / f"{runner.label(k)}.csv"
                write_whole(path, pair_csv(driver, cross).encode())


def _save(path: Path, picture) -> None:
    """With the mark of what is made by a machine; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.{path.name}")
    save_picture(part, picture)
    part.replace(path)


def _write_pictures(runner: Runner, results: Results) -> None:
    out = runner.out
    for row in results.rows:
        name = slug(row.variant.name)
        _save(out / f"sheet_{name}.png", sheets.contact_sheet(results.drivers, row.cross))
        if (picture := sheets.grid(row.grid, row.variant.name)) is not None:
            _save(out / f"grid_{name}.png", picture)
    rows = [(row.variant.name, row.cross) for row in results.rows]
    _save(out / "comparison.png", sheets.comparison(results.drivers, rows))
    for k, driver in enumerate(results.drivers):
        series = [("driver", _signals(driver))]
        series += [(n, _signals(made[k])) for n, made in rows if "failure" not in made[k][0]]
        _save(out / "signals" / f"{runner.label(k)}.png", plot(series, UNITS, driver[0]["fps"]))


def _signals(made) -> dict:
    arrays = made[1]
    signals = signals_of(arrays["landmarks"])
    pose = {"yaw": arrays["pose"][:, 0], "pitch": arrays["pose"][:, 1]}
    return signals | pose | {"lids": arrays["lids"].mean(axis=1)}


def add_evaluate_command(commands) -> None:
    """`evaluate` among the commands of `python -m stylexfer`."""
    command = commands.add_parser(
        "evaluate",
        help=evaluate.__doc__,
        description=f"{__doc__}\n{pairs.__doc__}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--pairs", required=True, metavar="FOLDER", help="with pairs.csv, or with clips/"
    )
    command.add_argument("--out", required=True, metavar="FOLDER", help="where the results go")
    command.add_argument(
        "--model",
        action="append",
        metavar="PACK[,key=value...]",
        help="a row of the table; may be repeated. A pack alone: all methods that it has. Keys: "
        "method (transfer, psp, e4e), pose, expression, steadiness, relative, best_start, faithful, name",
    )
    command.add_argument(
        "--outputs",
        action="append",
        default=[],
        metavar="FOLDER[,name=TEXT]",
        help="a row of clips that another method made of these pairs, NNN_CLIP.mp4 each (000_a.mp4: "
        "pair 0, driven by a.mp4), a frame for each that drives; may be repeated",
    )
    command.add_argument(
        "--measure-with",
        metavar="PACK",
        help="whose head_pose (Hopenet) and recognition networks measure (the first model's that "
        "has them; without: landmarks, and dlib's recognition alone)",
    )
    command.add_argument(
        "--targets", type=int, default=1, help="people a clip drives, without a pairs.csv (1)"
    )
    command.add_argument("--seed", type=int, default=0, help="of the pairs drawn then (0)")
    command.add_argument("--device", help="cpu, cuda, mps (the GPU if there is one)")
    command.set_defaults(run=evaluate)
