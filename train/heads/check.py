"""What a face detector, a landmark predictor and a face recogniser make of rendered heads (dlib).

Buckets are of |yaw|. Landmark errors are in percent of the distance of the outer eye corners, the
median of the sample's frames below 10 degrees (all crops have the same scale); `landmarks` of the
corpus are the truth. A pair for recognition lies in a bucket if both its frames do.
"""

import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dlib
import numpy as np
from tqdm import tqdm

from stylexfer.faces.detect import landmarks_path
from train.heads.corpus import SEEDS, CorpusError, identity_seed
from train.heads.stage import Stage
from train.heads.writer import Plan, states

BUCKETS = {"0-10": (0, 10), "10-20": (10, 20), "20-30": (20, 30), "30-35": (30, 35.001)}
GROUPS = {
    "jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48),
    "mouth": slice(48, 68), "inner 51": slice(17, 68), "all 68": slice(0, 68),
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Frames with their truth: N rows."""

    identity: np.ndarray  # [N]
    clip: np.ndarray  # [N], different for clips of different identities
    yaw: np.ndarray  # [N] degrees
    truth: np.ndarray  # [N, 68, 2] px


@dataclass(frozen=True)
class Findings:
    """What dlib says of each frame."""

    found: np.ndarray  # [N, 2] bool: with 0 and 1 upsampling
    points: np.ndarray  # [N, 68, 2] px
    embedding: np.ndarray  # [N, 128]


def recognition_path() -> Path:
    """dlib's face recognition network, of the package `face_recognition_models`."""
    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise CorpusError("check needs dlib's models: pip install face_recognition_models.")
    return Path(spec.origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"


class Judge:
    """dlib's detector, 68 landmarks and face recognition."""

    def __init__(self):
        self.detector = dlib.get_frontal_face_detector()
        self.predictor = dlib.shape_predictor(str(landmarks_path()))
        self.recogniser = dlib.face_recognition_model_v1(str(recognition_path()))

    def landmarks(self, image: np.ndarray, truth: np.ndarray):
        """(found with 0 and with 1 upsampling, dlib's shape); an unseen face gets the true box."""
        found = len(self.detector(image, 0)) > 0
        boxes = self.detector(image, 1)
        if len(boxes):
            box = max(boxes, key=lambda b: b.area())
        else:
            (left, top), (right, bottom) = truth.min(axis=0), truth.max(axis=0)
            box = dlib.rectangle(*(int(v) for v in (left, top, right, bottom)))
        return (found, len(boxes) > 0), self.predictor(image, box)


def points_of(shape) -> np.ndarray:
    """dlib's shape -> `[68, 2]` px; dlib counts pixels, the labels put their centres at 0.5."""
    return np.array([(p.x, p.y) for p in shape.parts()], np.float64) + 0.5


def judge(frames: Iterator[tuple[np.ndarray, np.ndarray]]) -> Findings:
    """Findings of (image uint8 `[S, S, 3]`, true landmarks `[68, 2]`)."""
    dlib_models = Judge()
    found, points, embedding = [], [], []
    for image, truth in frames:
        image = np.ascontiguousarray(image)
        seen, shape = dlib_models.landmarks(image, truth)
        found.append(seen)
        points.append(points_of(shape))
        embedding.append(dlib_models.recogniser.compute_face_descriptor(image, shape))
    return Findings(np.array(found), np.array(points), np.array(embedding))


def eye_distance(truth: np.ndarray, yaw: np.ndarray) -> float:
    """Outer eye corners, px: the median over frames below 10 degrees (of all, without any)."""
    distance = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    return float(np.median(distance[np.abs(yaw) < 10] if (np.abs(yaw) < 10).any() else distance))


def equal_error_rate(same: np.ndarray, different: np.ndarray) -> float | None:
    """Rate at the threshold where as many same pairs are refused as different ones accepted."""
    if not len(same) or not len(different):
        return None
    same, different = np.sort(same), np.sort(different)
    thresholds = np.concatenate([same, different])
    accepted = np.searchsorted(different, thresholds, "right") / len(different)
    refused = 1 - np.searchsorted(same, thresholds, "right") / len(same)
    best = np.argmin(np.abs(accepted - refused))
    return float((accepted[best] + refused[best]) / 2)


def recognition(sample: Sample, embedding: np.ndarray) -> dict:
    """Distances of pairs, equal-error rates (all pairs; same pairs of other clips), rank-1."""
    square = (embedding**2).sum(axis=1)
    distance = np.sqrt(np.maximum(square[:, None] + square - 2 * embedding @ embedding.T, 0))
    same = sample.identity[:, None] == sample.identity
    same_clip = sample.clip[:, None] == sample.clip
    pairs = np.triu(np.ones_like(same), 1)

    def numbers(mask):
        if not mask.any():
            return None
        p5, p50, p95 = (round(float(v), 3) for v in np.percentile(distance[mask], (5, 50, 95)))
        return {"mean": round(float(distance[mask].mean()), 3), "p5": p5, "p50": p50, "p95": p95}

    def rates(mask):
        different = distance[pairs & ~same & mask]
        return {
            "all": equal_error_rate(distance[pairs & same & mask], different),
            "other clip": equal_error_rate(distance[pairs & same & ~same_clip & mask], different),
        }

    inside = {k: _in(sample.yaw, *bounds) for k, bounds in BUCKETS.items()}
    masks = {k: a[:, None] & a for k, a in inside.items()}
    nearest = np.where(same_clip, np.inf, distance).argmin(axis=1)
    has_other_clip = (same & ~same_clip).any(axis=1)
    hit = (sample.identity[nearest] == sample.identity)[has_other_clip]
    return {
        "distance": {
            "same clip": numbers(pairs & same_clip),
            "same identity, other clip": numbers(pairs & same & ~same_clip),
            "different": numbers(pairs & ~same),
        },
        "different below 0.6": float((distance[pairs & ~same] < 0.6).mean()),
        "eer": {"overall": rates(np.ones_like(same)), **{k: rates(m) for k, m in masks.items()}},
        "rank-1": float(hit.mean()) if len(hit) else None,
    }


def _in(yaw: np.ndarray, low: float, high: float) -> np.ndarray:
    return (np.abs(yaw) >= low) & (np.abs(yaw) < high)


def _rounded(x):
    if isinstance(x, dict):
        return {k: _rounded(v) for k, v in x.items()}
    return round(x, 4) if isinstance(x, float) else x


def report(sample: Sample, findings: Findings) -> dict:
    """All figures, for print and JSON."""
    buckets = {"overall": np.abs(sample.yaw) < 35.001}
    buckets |= {k: _in(sample.yaw, *bounds) for k, bounds in BUCKETS.items()}
    found = findings.found[:, 1]
    scale = 100 / eye_distance(sample.truth, sample.yaw)
    error = np.linalg.norm(findings.points - sample.truth, axis=2) * scale

    def mean(values):
        return float(values.mean()) if values.size else None

    def errors(group):
        out = {}
        for name, mask in buckets.items():
            values = error[mask & found][:, group]
            median = float(np.median(values)) if values.size else None
            out[name] = {"mean": mean(values), "median": median}
        return out

    figures = {
        "frames": {k: int(m.sum()) for k, m in buckets.items()},
        "detected": {k: mean(findings.found[m, 1]) for k, m in buckets.items()},
        "detected, no upsampling": {k: mean(findings.found[m, 0]) for k, m in buckets.items()},
        "landmark error": {k: errors(group) for k, group in GROUPS.items()},
        **recognition(sample, findings.embedding),
    }
    return _rounded(figures)


def of_corpus(root: Path, identities: int) -> tuple[Sample, Iterator]:
    """All frames of `identities` people, evenly out of both splits of a corpus."""
    from train.heads.dataset import HeadsDataset

    parts = [HeadsDataset(root, 256, split) for split in ("train", "validation")]
    people = np.unique(np.concatenate([p.labels["identity"] for p in parts]))
    people = people[np.unique(np.linspace(0, len(people) - 1, identities).astype(int))]
    chosen = [np.flatnonzero(np.isin(p.labels["identity"], people)) for p in parts]
    columns = {
        k: np.concatenate([p.labels[k][c] for p, c in zip(parts, chosen, strict=True)])
        for k in ("identity", "clip", "pose", "lm68")
    }
    clip = columns["identity"].astype(np.int64) * SEEDS + columns["clip"]
    truth = columns["lm68"].astype(np.float64)
    sample = Sample(columns["identity"], clip, columns["pose"][:, 0], truth)
    pictures = (p.picture(i) for p, c in zip(parts, chosen, strict=True) for i in c)
    return sample, zip(pictures, truth, strict=True)


def of_fresh(identities: int, seed: int, device: str) -> tuple[Sample, Iterator]:
    """`identities` people in two clips of eight independent states each, rendered now."""
    plan = Plan(identities, clips=2, frames=8, seed=seed, states="random")
    stage = Stage(device=device)
    frames, rows = [], []
    for index in tqdm(range(identities), unit="person", mininterval=1):
        for clip in range(plan.clips):
            identity = identity_seed(seed, index)
            shot = stage.shot(identity, clip)
            for _, state in states(plan, list(stage.actions), plan.motion_id(index, clip)):
                frame = stage.frame(shot, state)
                frames.append((frame.image, np.asarray(frame.landmarks, np.float64)))
                rows.append((identity, index * plan.clips + clip, frame.pose[0]))
    identity, clip, yaw = (np.array(column) for column in zip(*rows, strict=True))
    return Sample(identity, clip, yaw, np.stack([t for _, t in frames])), iter(frames)


def table(figures: dict) -> str:
    """The report as lines of text."""

    def row(name, values):
        cells = ["-" if v is None else f"{v:.2f}" if v < 20 else f"{v:.1f}" for v in values]
        return f"{name:34s}" + "".join(f"{c:>9s}" for c in cells)

    def percent(values):
        return [None if v is None else 100 * v for v in values.values()]

    lines = [f"{'|yaw|, degrees':34s}" + "".join(f"{k:>9s}" for k in figures["frames"])]
    lines.append(f"{'frames':34s}" + "".join(f"{n:9d}" for n in figures["frames"].values()))
    for name in ("detected", "detected, no upsampling"):
        lines.append(row(f"{name}, %", percent(figures[name])))
    for group, by_yaw in figures["landmark error"].items():
        for kind in ("mean", "median"):
            lines.append(row(f"error, {group}, {kind}, %", [v[kind] for v in by_yaw.values()]))
    for kind in ("all", "other clip"):
        rates = {k: v[kind] for k, v in figures["eer"].items()}
        lines.append(row(f"equal-error rate, {kind}, %", percent(rates)))
    for name, numbers in figures["distance"].items():
        lines.append(f"distance, {name}: {numbers}")
    lines.append(f"different pairs below 0.6: {100 * figures['different below 0.6']:.1f} %")
    if figures["rank-1"] is not None:
        lines.append(f"rank-1 in another clip: {100 * figures['rank-1']:.1f} %")
    return "\n".join(lines)


def main(data: Path | None, identities: int, seed: int, device: str) -> None:
    """Print the table and one JSON line."""
    if data is None:
        sample, frames = of_fresh(identities, seed, device)
    else:
        sample, frames = of_corpus(data, identities)
    findings = judge(tqdm(frames, total=len(sample.yaw), unit="frame", mininterval=2))
    figures = report(sample, findings)
    print(table(figures))
    for k in np.flatnonzero(~findings.found[:, 1])[:8]:
        print(f"not found: {sample.identity[k]}, clip {sample.clip[k]}, yaw {sample.yaw[k]:.0f}")
    print(json.dumps(figures))
