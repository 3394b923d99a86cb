"""From passes to numbers: of a pair, of a model over all pairs, and of one model beside another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylexfer.metrics.blinks import count_blinks
from stylexfer.metrics.bootstrap import Estimate, interval
from stylexfer.metrics.identity import alike_over_time, cosine, distance
from stylexfer.metrics.jitter import jitter
from stylexfer.metrics.motion import fl_corr, pose_error, signals_of
from stylexfer.metrics.reading import SPARSE
from stylexfer.metrics.runner import Made, Results, Row

Values = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """A number of the table. `weight`: the value that pairs are weighted by (a recall: events)."""

    title: str
    unit: str
    better: str  # "lower", "higher" or "" where neither is
    digits: int = 3
    weight: str | None = None


# fmt: off
METRICS = {
    "pose_mae": Metric("pose MAE", "degrees", "lower", 2),
    "yaw_mae": Metric("yaw MAE", "degrees", "lower", 2),
    "pitch_mae": Metric("pitch MAE", "degrees", "lower", 2),
    "pose_change_mae": Metric("pose MAE, changes only", "degrees", "lower", 2),
    "fl_corr": Metric("FL CORR", "", "higher"),
    "csim_inversion": Metric("CSIM to the inversion, training's network", "", "higher"),
    "csim_real": Metric("CSIM to the real frame, training's network", "", "higher"),
    "dlib_csim_inversion": Metric("CSIM to the inversion, dlib", "", "higher"),
    "dlib_csim_real": Metric("CSIM to the real frame, dlib", "", "higher"),
    "dlib_distance_real": Metric("distance to the real frame, dlib", "", "lower"),
    "inversion_csim": Metric("CSIM of the inversion itself, training's network", "", "higher"),
    "inversion_dlib_csim": Metric("CSIM of the inversion itself, dlib", "", "higher"),
    "inversion_dlib_distance": Metric("distance of the inversion itself, dlib", "", "lower"),
    "lpips": Metric("self-reenactment LPIPS", "", "lower"),
    "psnr": Metric("self-reenactment PSNR", "dB", "higher", 2),
    "nme": Metric("self-reenactment landmark NME", "%", "lower", 2),
    "blink_recall": Metric("blinks that arrive", "share", "higher", 2, "blinks"),
    "blink_precision": Metric("blinks that the driver made", "share", "higher", 2, "blinks_out"),
    "jitter": Metric("jitter", "% of eyes/frame^2", "lower", 2),
    "faceless": Metric("outputs without a face", "share", "lower"),
    "fps": Metric("speed", "frames/s", "higher", 1),
    "identify_seconds": Metric("identify", "s", "lower", 2),
}
# fmt: on


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def pair_values(driver: Made, cross: Made, itself: Made, blank: np.ndarray) -> Values:
    """The numbers of one pair and one model by their names in METRICS, and counts; NaN: no answer.

    An output without a face is not left out of the pose error, which would favour a model that
    draws few: it counts as a face in the pose `blank` `[3]`, the mean of all drivers.
    """
    values = {name: float("nan") for name in METRICS}
    for name in ("lpips", "psnr", "nme"):
        values[name] = _mean(itself[1].get(name, np.empty(0)))
    facts, theirs = driver
    values |= {"frames": facts["frames"], "driver_faceless": _faceless(theirs)}
    values |= {"blinks": 0, "blinks_out": 0}
    if "failure" in cross[0]:
        return values | {"output_faceless": facts["frames"]}
    made, ours = cross
    values["output_faceless"] = _faceless(ours)
    values["faceless"] = values["output_faceless"] / max(1, len(ours["pose"]))
    values["fps"] = made.get("fps", float("nan"))
    values["identify_seconds"] = made.get("identify_seconds", float("nan"))

    seen = np.isfinite(ours["pose"][:, :1])
    error = pose_error(theirs["pose"], np.where(seen, ours["pose"], blank))
    values["yaw_mae"], values["pitch_mae"] = _mean(error[:, 0]), _mean(error[:, 1])
    values["pose_mae"] = (values["yaw_mae"] + values["pitch_mae"]) / 2
    apart = theirs["pose"] - ours["pose"]
    apart = apart[np.isfinite(apart).all(axis=1)]
    if len(apart):
        values["pose_change_mae"] = _mean(pose_error(apart, apart.mean(axis=0, keepdims=True)))

    before, after = signals_of(theirs["landmarks"]), signals_of(ours["landmarks"])
    values["fl_corr"] = fl_corr(before, after)
    blinks = count_blinks(theirs["lids"].mean(axis=1), ours["lids"].mean(axis=1), facts["fps"])
    values |= {"blink_recall": blinks.recall, "blink_precision": blinks.precision}
    values |= {"blinks": blinks.driver, "blinks_out": blinks.output}
    values["jitter"] = jitter(ours["landmarks"])

    (real, inversion) = ours["who_dlib"]
    values["dlib_csim_inversion"] = _mean(cosine(ours["dlib"], inversion))
    values["dlib_csim_real"] = _mean(cosine(ours["dlib"], real))
    values["dlib_distance_real"] = _mean(distance(ours["dlib"], real))
    values["inversion_dlib_csim"] = float(cosine(inversion, real))
    values["inversion_dlib_distance"] = float(distance(inversion, real))
    if ours["trained"].shape[1]:
        real, inversion = ours["who_trained"]
        values["csim_inversion"] = _mean(cosine(ours["trained"], inversion))
        values["csim_real"] = _mean(cosine(ours["trained"], real))
        values["inversion_csim"] = float(cosine(inversion, real))
    return values


def _faceless(arrays: dict[str, np.ndarray]) -> int:
    return int((~np.isfinite(arrays["pose"][:, 0])).sum())


def reference_values(driver: Made) -> Values:
    """What a transfer cannot be expected to beat: the driver's own jitter, and how alike two of its
    frames are that are a quarter of the clip apart."""
    _, arrays = driver
    values = {name: float("nan") for name in METRICS}
    values["jitter"] = jitter(arrays["landmarks"])
    looked = slice(None, None, SPARSE)
    apart = max(1, len(arrays["dlib"][looked]) // 4)
    similarity, far = alike_over_time(arrays["dlib"][looked], apart)
    values |= {"dlib_csim_real": similarity, "dlib_distance_real": far}
    if arrays["trained"].shape[1]:
        values["csim_real"], _ = alike_over_time(arrays["trained"][looked], apart)
    return values


@dataclass(frozen=True)
class Summary:
    """Of one model: `pairs[p]`, means with intervals, paired differences from the first model."""

    row: Row
    pairs: list[Values]
    means: dict[str, Estimate]
    differences: dict[str, Estimate]

    def total(self, name: str) -> int:
        return int(sum(values[name] for values in self.pairs))

    @property
    def failures(self) -> list[str]:
        """Why pairs gave nothing, '' where they did."""
        return [facts.get("failure", "") for facts, _ in self.row.cross]


def _means(
    clusters: list[int], value: Callable[[int, str], float], weight: Callable[[int, str], float]
) -> dict[str, Estimate]:
    pairs = range(len(clusters))
    return {
        name: interval(
            [value(p, name) for p in pairs],
            clusters,
            [weight(p, metric.weight) if metric.weight else 1.0 for p in pairs],
        )
        for name, metric in METRICS.items()
    }


def summarise(results: Results, clusters: list[int]) -> tuple[list[Summary], dict[str, Estimate]]:
    """Every model, and the drivers themselves. clusters: the clip of each pair."""
    poses = np.concatenate([arrays["pose"] for _, arrays in results.drivers if arrays])
    blank = np.nanmean(poses, axis=0)
    tables = [
        [
            pair_values(*made, blank)
            for made in zip(results.drivers, row.cross, row.itself, strict=True)
        ]
        for row in results.rows
    ]
    first = tables[0]
    summaries = [
        Summary(
            row,
            table,
            _means(clusters, lambda p, n, t=table: t[p][n], lambda p, n, t=table: t[p][n]),
            _means(
                clusters,
                lambda p, n, t=table: t[p][n] - first[p][n],
                lambda p, n, t=table: min(t[p][n], first[p][n]),
            ),
        )
        for row, table in zip(results.rows, tables, strict=True)
    ]
    own = [reference_values(driver) for driver in results.drivers]
    return summaries, _means(clusters, lambda p, n: own[p][n], lambda p, n: 0.0)
