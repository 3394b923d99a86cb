"""The numbers as Markdown, as one line of JSON, and as a CSV of each pair."""

import csv
import io
import math
from collections.abc import Mapping, Sequence

import numpy as np

from stylexfer.metrics.bootstrap import LEVEL, Estimate
from stylexfer.metrics.identity import cosine, distance
from stylexfer.metrics.motion import SIGNALS, signals_of
from stylexfer.metrics.runner import Made
from stylexfer.metrics.summary import METRICS, Summary

MEASURED = "clips' own frames"  # the column of what the drivers themselves measure
_HEAD = ("pose_mae", "fl_corr")
_IDENTITY = ("csim_inversion", "csim_real", "dlib_csim_inversion", "dlib_csim_real")
_ARROWS = {"lower": " ↓", "higher": " ↑", "": ""}


def cell(estimate: Estimate, digits: int, sign: str = "") -> str:
    """`value [low, high]`, or a dash."""
    if not math.isfinite(estimate.value):
        return "-"
    text = f"{estimate.value:{sign}.{digits}f}"
    if math.isfinite(estimate.low):
        text += f" [{estimate.low:{sign}.{digits}f}, {estimate.high:{sign}.{digits}f}]"
    return text


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(header), "|" + "---|" * len(header), *map(_line, rows)]


def _title(name: str, unit: bool = True) -> str:
    metric = METRICS[name]
    shown = f", {metric.unit}" if unit and metric.unit else ""
    return metric.title + shown + _ARROWS[metric.better]


def markdown(summaries: Sequence[Summary], own: Mapping[str, Estimate], facts: Mapping) -> str:
    """The paper's Table 1 with intervals, all other numbers, and differences from the first row."""
    known = [name for name in METRICS if any(math.isfinite(s.means[name].value) for s in summaries)]
    head = [n for n in (*_HEAD, *_IDENTITY) if n in known or n in _HEAD]
    rows = [
        [s.row.variant.name, *(cell(s.means[n], METRICS[n].digits) for n in head)]
        for s in summaries
    ]
    lines = ["# Evaluation", "", "Cross-reenactment, as Table 1 of the paper:", ""]
    lines += _rows(["", *(_title(n) for n in head)], rows)
    names = [s.row.variant.name for s in summaries]
    lines += ["", "All numbers:", ""]
    lines += _rows(
        ["", *names, MEASURED],
        [
            [
                _title(n),
                *(cell(s.means[n], METRICS[n].digits) for s in summaries),
                cell(own[n], METRICS[n].digits),
            ]
            for n in known
        ],
    )
    if len(summaries) > 1:
        lines += ["", f"Differences from {names[0]}, on the same pairs:", ""]
        lines += _rows(
            ["", *names[1:]],
            [
                [
                    _title(n),
                    *(cell(s.differences[n], METRICS[n].digits, "+") for s in summaries[1:]),
                ]
                for n in known
                if n != "fps"
            ],
        )
    lines += ["", f"In brackets: {LEVEL:.0%} intervals, bootstrap over the clips.", ""]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in facts.items()]
    for s in summaries:
        counts = {k: s.total(k) for k in ("frames", "driver_faceless", "output_faceless", "blinks")}
        failed = [why for why in s.failures if why]
        lines.append(
            "- {}: {frames} frames; without a face: {driver_faceless} of the drivers', "
            "{output_faceless} of the outputs; {blinks} blinks; {} of {} pairs failed".format(
                s.row.variant.name, len(failed), len(s.pairs), **counts
            )
        )
        lines += [f"  - pair {p}: {why}" for p, why in enumerate(s.failures) if why]
    return "\n".join(lines) + "\n"


def as_json(summaries: Sequence[Summary], own: Mapping[str, Estimate], facts: Mapping) -> dict:
    """All of the table, for one line of JSON."""
    counts = ("frames", "driver_faceless", "output_faceless", "blinks", "blinks_out")
    return {
        **facts,
        "level": LEVEL,
        "models": [
            {
                **s.row.variant.facts(),
                **{name: s.total(name) for name in counts},
                "failed_pairs": sum(map(bool, s.failures)),
                "metrics": {n: e.as_dict() for n, e in s.means.items() if e.pairs},
                "difference_from_first": {
                    n: e.as_dict() for n, e in s.differences.items() if e.pairs
                }
                if s is not summaries[0]
                else None,
            }
            for s in summaries
        ],
        "drivers_themselves": {n: e.as_dict() for n, e in own.items() if e.pairs},
    }


def pair_csv(driver: Made, cross: Made) -> str:
    """A line a frame: signals of driver and output, likeness to the person; empty: not measured."""
    theirs, ours = driver[1], cross[1]
    before, after = signals_of(theirs["landmarks"]), signals_of(ours["landmarks"])
    real, inversion = ours["who_dlib"]
    columns: dict[str, np.ndarray] = {}
    for name in SIGNALS:
        columns |= {f"driver_{name}": before[name], f"output_{name}": after[name]}
    for k, angle in enumerate(("yaw", "pitch", "roll")):  # by Hopenet, where that measures
        columns[f"driver_{angle}"] = theirs["pose"][:, k]
        columns[f"output_{angle}"] = ours["pose"][:, k]
    columns["driver_lids"] = theirs["lids"].mean(axis=1)
    columns["output_lids"] = ours["lids"].mean(axis=1)
    columns["dlib_csim_inversion"] = cosine(ours["dlib"], inversion)
    columns["dlib_csim_real"] = cosine(ours["dlib"], real)
    columns["dlib_distance_real"] = distance(ours["dlib"], real)
    if ours["trained"].shape[1]:
        real, inversion = ours["who_trained"]
        columns["csim_inversion"] = cosine(ours["trained"], inversion)
        columns["csim_real"] = cosine(ours["trained"], real)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["frame", "seconds", *columns])
    for k, values in enumerate(zip(*columns.values(), strict=True)):
        numbers = [f"{v:.4f}" if math.isfinite(v) else "" for v in values]
        writer.writerow([k, f"{k / driver[0]['fps']:.3f}", *numbers])
    return text.getvalue()
