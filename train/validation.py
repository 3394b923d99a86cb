"""How well people drive each other whom nothing was trained on; which weights are kept.

As in the paper (section 4.3), every frame of a clip of the validation split drives one frame of
another identity. From dlib's landmarks, as in `stylexfer.metrics.motion`: `fl_corr`, correlation
over a clip of the signals of eyes, mouth and brows between driver and output, averaged over signals
and clips; `pose_mae`, mean distance of driver and output in yaw and pitch, degrees. `csim`: mean
cosine, in a recognition network, of the output and a reference of the target. The paper selects
weights by FL CORR and CSIM and gives no rule; here it is their sum.

An output in which dlib finds no face is not left out, which would favour whoever draws few: it
counts as a face in the drivers' mean pose, and a clip with fewer than three faces as not
correlated at all. `faceless` is their share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylexfer.metrics.motion import FACE_SIGNALS, correlation, face_signals
from stylexfer.networks import Generator, Recognition, recognition_view
from stylexfer.packs import Pack
from stylexfer.tensors import to_pictures
from train import checkpoint
from train.data.codes import Codes
from train.data.dataset import VideoDataset
from train.data.invert import inverted
from train.heads.dataset import HeadsDataset
from train.loop import Run
from train.method import Transfer, pooled

SHORTEST = 4  # frames of a clip: fewer have no correlation to speak of


@dataclass(frozen=True)
class Animator:
    """Something that animates: frames `[B, 3, s, s]` and the row of a target -> pictures, and the
    picture `[1, 3, s, s]` with which the target's identity is compared."""

    animate: Callable[[Tensor, int], Tensor]
    reference: Callable[[int], Tensor]


class Validation:
    """The same drivers and targets every time, and what is seen in the drivers."""

    def __init__(self, data: HeadsDataset | VideoDataset, clips: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.data = data
        long = [frames for frames in data.frames_of_clip if len(frames) >= SHORTEST]
        order = rng.permutation(len(long))[:clips]
        self.clips = [long[k] for k in order]
        self.targets = []
        for frames in self.clips:
            others = np.flatnonzero(data.identity_index != data.identity_index[frames[0]])
            self.targets.append(int(rng.choice(others) if len(others) else frames[0]))
        self.driver = face_signals(data.picture(int(i)) for frames in self.clips for i in frames)

    @torch.inference_mode()
    def measure(
        self, animator: Animator, recognition: Recognition | None, device: torch.device
    ) -> dict[str, float]:
        """`pose_mae`, `fl_corr`, `csim` and `faceless`, those that can be measured."""
        if not self.clips:
            return {}
        outputs, cosines = [], []
        for frames, target in zip(self.clips, self.targets, strict=True):
            made = animator.animate(self.data.pictures(frames).to(device), target).clamp(-1, 1)
            outputs += list(to_pictures(made))
            if recognition is not None:
                size = recognition.config.input_size
                views = (
                    recognition_view(v, crop=False, size=size)
                    for v in (made, animator.reference(target))
                )
                found, wanted = (recognition(view) for view in views)
                cosines += (found * wanted).sum(dim=1).tolist()
        return self._scores(face_signals(outputs), cosines)

    def _scores(self, output: dict[str, np.ndarray], cosines: list[float]) -> dict[str, float]:
        values = {"faceless": float(np.isnan(output["yaw"]).mean())}
        off = []
        for angle in ("yaw", "pitch"):
            driver, seen = self.driver[angle], np.isfinite(self.driver[angle])
            if seen.any():
                found = np.where(np.isnan(output[angle]), driver[seen].mean(), output[angle])
                off.append(np.abs(found - driver)[seen].mean())
        if off:
            values["pose_mae"] = float(np.mean(off))
        ends = np.cumsum([len(frames) for frames in self.clips])[:-1]
        parts = []
        for name in FACE_SIGNALS:
            both = (np.split(v[name], ends) for v in (self.driver, output))
            for driver, found in zip(*both, strict=True):
                if np.isfinite(correlation(driver, driver)):
                    r = correlation(driver, found)
                    parts.append(r if np.isfinite(r) else 0.0)
        if parts:
            values["fl_corr"] = float(np.mean(parts))
        if cosines:
            values["csim"] = float(np.mean(cosines))
        return values


def of_stage(model: Transfer, generator: Generator, codes: Codes, dtype: torch.dtype) -> Animator:
    """The transfer stage's networks; the reference is the decoded inversion, as in the paper."""
    device = next(model.parameters()).device

    def animate(frames: Tensor, target: int) -> Tensor:
        batch = {
            "picture": frames,
            "seen": frames,
            "identity": codes[[target]].to(device).expand(len(frames), -1, -1),
            "source_of": torch.arange(len(frames), device=device),
            "shown": {"own": range(len(frames)), "other": range(0), "pair": range(0)},
        }
        training = model.training
        model.eval()
        made = model(batch, generator, False, dtype)["own"]
        model.train(training)
        return made

    return Animator(animate, lambda target: generator(codes[[target]].to(device), dtype=dtype))


def of_pack(pack: Pack, data: HeadsDataset | VideoDataset) -> Animator:
    """A pack, E_i included; the reference is the target's frame itself, so that packs with other
    inversions can be compared."""
    generator, encoder = pack.generator, pack.identity_encoder

    def frame(target: int) -> Tensor:
        return data.pictures([target]).to(generator.latent_avg.device)

    def animate(frames: Tensor, target: int) -> Tensor:
        side = pack.motion_encoder.config.input_size
        view = pooled(frame(target), encoder.config.input_size)
        code = inverted(encoder, generator, view).expand(len(frames), -1, -1)
        return generator(pack.mapper(code, pack.motion_encoder(pooled(frames, side))))

    return Animator(animate, frame)


def keep_best(run: Run, ema: Transfer, values: dict[str, float]) -> None:
    """`best.pt`, the averaged weights, where their score is above that of the ones kept."""
    measured = [values[k] for k in ("fl_corr", "csim") if k in values]
    path = Path(run.out) / "best.pt"
    kept = checkpoint.load(path)
    if measured and (kept is None or sum(measured) > kept["score"]):
        facts = {"step": run.step + 1, "score": sum(measured), "validation": values}
        state = {"config": run.config, "ema": ema.state_dict(), **run.facts}
        checkpoint.save(path, {**facts, **state})
