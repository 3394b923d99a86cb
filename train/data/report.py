"""What was kept of a video corpus, what was not, and why: JSON, Markdown, and a list of all.

Times, paths and the number of workers are not in them: the same videos give the same report.
"""

import gzip
import importlib.metadata
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from imageio_ffmpeg import get_ffmpeg_version

from train.data.clip import EXTREME_POSE
from train.data.corpus import SPLITS
from train.heads.corpus import QUALITY, write_atomically

JSON, READABLE, LIST = "report.json", "report.md", "dropped.jsonl.gz"
LEVELS = ("identities", "clips", "videos", "frames")
SHOWN = 20  # of a kind in the readable report; the list has all
PERCENTILES = (5, 25, 50, 75, 95)


def versions() -> dict[str, str]:
    """Of the packages that decide on the bytes."""
    names = ("dlib-bin", "dlib", "numpy", "pillow", "scipy")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # dlib goes by one of two names
            continue
    return {**found, "ffmpeg": get_ffmpeg_version()}


def level(dropped: dict) -> str:
    """Whether a dropped frame, video, clip or identity."""
    if "time" in dropped:
        return "frames"
    return "videos" if "video" in dropped else "clips" if "clip" in dropped else "identities"


def summarise(
    records: Iterable[dict], splits: dict[str, str], rows: np.ndarray, claim: dict
) -> dict:
    """Counts over all identities. splits: of those that were kept; rows: of `frames.npy`."""
    found, kept = Counter(), Counter()
    dropped = {name: Counter() for name in LEVELS}
    per_split = {split: Counter() for split in SPLITS}
    for record in records:
        frames = sum(len(clip["frames"]) for clip in record["clips"])
        has = {
            "identities": bool(frames),
            "clips": len(record["clips"]),
            "videos": sum(len({f["video"] for f in c["frames"]}) for c in record["clips"]),
            "frames": frames,
        }
        kept.update(has)
        found.update(identities=1, clips=record["found"])
        found.update(videos=record["opened"], frames=record["looked"])
        found.update(clips_tried=record["tried"])
        for item in record["dropped"]:
            dropped[level(item)][item["reason"]] += 1
        if frames:
            per_split[splits[record["identity"]]].update(has)
    levels = {
        name: {
            "found": found[name],
            "kept": int(kept[name]),
            "dropped": dict(sorted(dropped[name].items())),
        }
        for name in LEVELS
    }
    levels["clips"]["not needed"] = found["clips"] - found["clips_tried"]
    summary = {
        **claim,
        "stored": {"px": claim["options"]["size"], "jpeg_quality": QUALITY, "subsampling": "4:4:4"},
        **levels,
        "splits": {s: {name: int(c[name]) for name in LEVELS} for s, c in per_split.items()},
    }
    if len(rows):
        columns = dict(zip(("yaw", "pitch", "roll"), rows["pose"].T, strict=True))
        columns |= {"face px": rows["side"]}
        summary["kept_frames"] = {
            name: dict(
                zip(
                    map(str, PERCENTILES),
                    np.percentile(values, PERCENTILES).round(1).tolist(),
                    strict=True,
                )
            )
            for name, values in columns.items()
        }
    return summary


def write(out: Path, summary: dict, records: Iterable[dict]) -> None:
    """The three files, a record at a time."""
    shown: dict[tuple[str, str], list[str]] = {}
    listing = out / f".{LIST}"
    with (
        listing.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file,
    ):
        for record in records:
            for item in record["dropped"]:
                line = {"identity": record["identity"], **item}
                file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
                examples = shown.setdefault((level(item), item["reason"]), [])
                if len(examples) < SHOWN:
                    examples.append(_line(line))
    listing.replace(out / LIST)
    write_atomically(out / READABLE, _readable(summary, shown).encode(errors="replace"))
    write_atomically(out / JSON, (json.dumps(summary, indent=1) + "\n").encode())


def _line(item: dict) -> str:
    where = "/".join(str(item[k]) for k in ("identity", "clip", "video") if k in item)
    time = f" at {item['time']:g} s" if "time" in item else ""
    return f"{where}{time}" + (f": {item['detail']}" if "detail" in item else "")


def _table(head: tuple, lines: Iterable[Iterable]) -> list[str]:
    rows = [head, ["---"] * len(head), *lines]
    return [f"| {' | '.join(str(v) for v in row)} |" for row in rows] + [""]


def _readable(summary: dict, shown: dict[tuple[str, str], list[str]]) -> str:
    lines = ["# Prepared videos", ""]
    reasons = sorted({r for name in LEVELS for r in summary[name]["dropped"]})
    lines += _table(
        ("", "found", "kept", *reasons),
        (
            (name, *(summary[name][k] for k in ("found", "kept")))
            + tuple(summary[name]["dropped"].get(r, 0) for r in reasons)
            for name in LEVELS
        ),
    )
    options = summary["options"]
    note = (
        f"{summary['clips']['not needed']} more clips were not needed: {options['clips']} of an "
        "identity are enough. Videos are those that were opened, frames those that were looked at; "
        "a video was kept if one of its frames was."
    )
    lines += [note, ""]
    lines += _table(
        ("split", *LEVELS),
        ((s, *(counts[name] for name in LEVELS)) for s, counts in summary["splits"].items()),
    )
    if "kept_frames" in summary:
        lines += _table(
            ("of kept frames", *(f"{p} %" for p in PERCENTILES)),
            ((name, *values.values()) for name, values in summary["kept_frames"].items()),
        )
    lines += ["Options: " + ", ".join(f"{k} {v}" for k, v in options.items() if k != "names"), ""]
    for (name, reason), examples in sorted(shown.items()):
        count = summary[name]["dropped"][reason]
        limits = (options[k] for k in ("max_yaw", "max_pitch", "max_roll"))
        beyond = " (over {:g}, {:g} or {:g} degrees)".format(*limits)
        lines += [f"## {name}, {reason}{beyond if reason == EXTREME_POSE else ''}: {count}", ""]
        lines += [f"- {example}" for example in examples]
        if count > len(examples):
            lines.append(f"- and {count - len(examples)} more, in {LIST}")
        lines.append("")
    return "\n".join(lines)
