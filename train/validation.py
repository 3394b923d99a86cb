"""Which weights of the transfer stage are kept: FL CORR and CSIM of people that it never saw.

As in the paper (section 4.3), every frame of a clip of the validation split drives one frame of
another identity. `fl_corr`: correlation over a clip of the signals of mouth and eyes (from dlib's
landmarks, `stylexfer.metrics.motion`) between driver and output, averaged over signals and clips.
`csim`: mean cosine, in the recognition network, of the output and the decoded inversion of the
target. The paper selects by both and gives no rule; here it is their sum.
"""

from pathlib import Path

import numpy as np
import torch

from stylexfer.metrics.motion import correlation, face_signals
from stylexfer.networks import Generator, Recognition, recognition_view
from stylexfer.tensors import to_pictures
from train import checkpoint
from train.data.codes import Codes
from train.data.dataset import VideoDataset
from train.heads.dataset import HeadsDataset
from train.loop import Run
from train.method import Transfer

SIGNALS = ("mouth", "left_eye", "right_eye")
SHORTEST = 4  # frames of a clip: fewer have no correlation to speak of


class Validation:
    """The same drivers and targets every time, and the signals of the drivers."""

    def __init__(self, data: HeadsDataset | VideoDataset, codes: Codes, clips: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.data, self.codes = data, codes
        long = [frames for frames in data.frames_of_clip if len(frames) >= SHORTEST]
        order = rng.permutation(len(long))[:clips]
        self.clips = [long[k] for k in order]
        self.targets = []
        for frames in self.clips:
            others = np.flatnonzero(data.identity_index != data.identity_index[frames[0]])
            self.targets.append(rng.choice(others) if len(others) else frames[0])
        pictures = (data.picture(int(i)) for frames in self.clips for i in frames)
        self.signals = face_signals(pictures) if self.clips else {}

    @torch.inference_mode()
    def measure(
        self,
        model: Transfer,
        generator: Generator,
        recognition: Recognition | None,
        dtype: torch.dtype,
    ) -> dict[str, float]:
        """`fl_corr` and `csim` of `model`, those that can be measured, and `faceless`, the share of
        outputs in which dlib finds no face."""
        if not self.clips:
            return {}
        device = next(model.parameters()).device
        training = model.training
        model.eval()
        outputs, cosines = [], []
        for frames, target in zip(self.clips, self.targets, strict=True):
            code = self.codes[[int(target)]].to(device)
            batch = {
                "picture": self.data.pictures(frames).to(device),
                "identity": code.expand(len(frames), -1, -1),
                "source_of": torch.arange(len(frames), device=device),
                "shown": {"own": range(len(frames)), "other": range(0), "pair": range(0)},
            }
            batch["seen"] = batch["picture"]
            made = model(batch, generator, False, dtype)["own"].clamp(-1, 1)
            outputs += list(to_pictures(made))
            if recognition is not None:
                reference = generator(code, dtype=dtype)
                size = recognition.config.input_size
                views = (recognition_view(v, crop=False, size=size) for v in (made, reference))
                found, wanted = (recognition(view) for view in views)
                cosines += (found * wanted).sum(dim=1).tolist()
        model.train(training)
        signals = face_signals(outputs)
        ends = np.cumsum([len(frames) for frames in self.clips])[:-1]
        parts = [
            correlation(a, b)
            for name in SIGNALS
            for a, b in zip(
                np.split(self.signals[name], ends), np.split(signals[name], ends), strict=True
            )
        ]
        parts = [r for r in parts if np.isfinite(r)]
        values = {"faceless": float(np.isnan(signals["yaw"]).mean())}
        if parts:
            values["fl_corr"] = float(np.mean(parts))
        if cosines:
            values["csim"] = float(np.mean(cosines))
        return values


def keep_best(run: Run, ema: Transfer, values: dict[str, float]) -> None:
    """`best.pt`, the averaged weights, where their score is above that of the ones kept."""
    measured = [values[k] for k in ("fl_corr", "csim") if k in values]
    path = Path(run.out) / "best.pt"
    kept = checkpoint.load(path)
    if measured and (kept is None or sum(measured) > kept["score"]):
        facts = {"step": run.step + 1, "score": sum(measured), "validation": values}
        state = {"config": run.config, "ema": ema.state_dict(), **run.facts}
        checkpoint.save(path, {**facts, **state})
