"""Latent arithmetic, the paper's baseline (eq. 7, rows pSp and e4e of its Table 1), and `load_model`.

    g = G( n(t) + E(s) - n(s) ),    n(x) = mean over x and its mirror image of E(x)

E inverts a picture to W+ (ReStyle-pSp or -e4e, else the one-pass encoder of that kind). n is a
person's neutral code: averaging a face with its mirror image takes out yaw and roll, so E(s) - n(s)
is the driver's own motion and n(t) + that is the target in the driver's pose. A driver's n is also
averaged over frames, which takes out the expression: with one picture as the driver, only what is
not symmetric, such as the pose, is carried over.

The paper's text was not at hand when this was written: that the baseline is arithmetic on codes with
averages over mirrored frames is from the project's notes on it; which frames are averaged (`SAMPLES`
of the first `LOOK_AHEAD`), and that the target is averaged too, are choices of ours.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stylexfer.driving import spread
from stylexfer.packs import Pack, load_pack
from stylexfer.packs.hub import locate_pack
from stylexfer.packs.pack import METHODS, methods, parts_of, read_manifest
from stylexfer.tensors import device_and_dtype, mirrored
from stylexfer.transfer import FaceTransfer, Identity

SAMPLES = 8  # of the driver's first frames, evenly spread, that are inverted for its neutral code


class LatentArithmetic(FaceTransfer):
    """A baseline with the interface of `FaceTransfer`; needs only a generator and an encoder.

    `Identity.motion` holds the code of the mirrored face here. At strength 0 the identity is at
    rest, G(E(t)); strengths count the first `coarse_rows` rows as pose.
    """

    @staticmethod
    def _check(pack: Pack) -> None:
        """Any pack will do."""

    @property
    def view_side(self) -> int:
        return self.pack.identity_encoder.config.input_size

    def _own_motion(self, crop: np.ndarray) -> Tensor:
        return self.invert([mirrored(crop)])

    def motion_codes(self, crops: list[np.ndarray]) -> Tensor:
        """`invert` of any number of crops, a batch at a time."""
        step = self.batch_size
        return torch.cat([self.invert(crops[i : i + step]) for i in range(0, len(crops), step)])

    @property
    def tuning_steps(self) -> int:
        """None: the paper's baselines draw with the generator as it is."""
        return 0

    def rest_code(self, identity: Identity) -> Tensor:
        return identity.code.to(self.device)

    def change(self, motion: Tensor, pose: float | Tensor, expression: float | Tensor) -> Tensor:
        rows = torch.arange(motion.shape[1], device=motion.device)[:, None]
        return torch.where(rows < self.pack.coarse_rows, pose * motion, expression * motion)

    _origin_needs_crops = True

    def own_origin(self, identity: Identity, crops: list[np.ndarray]) -> Tensor | None:
        """n(s) + (t - n(t)): rest + change(E(s) - origin) is the formula above. None: no crops."""
        if not crops:
            return None
        mirror = identity.motion.to(self.device)
        return self.neutral(crops) + (self.rest_code(identity) - mirror) / 2

    def neutral(self, crops: list[np.ndarray]) -> Tensor:
        """n(s) of a driver's crops, `[1, n_styles, style_dim]`."""
        faces = spread(crops, SAMPLES)
        codes = self.motion_codes(faces + [mirrored(face) for face in faces])
        return codes.mean(dim=0, keepdim=True)


def load_model(
    name: str | Path = "default",
    method: str | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    faithful: bool = False,
    **hub_options,
) -> FaceTransfer:
    """A pack by name, folder or Hub id, and the class for `method` (`transfer`, `psp`, `e4e`).

    None takes `transfer` where the pack has a motion encoder, else a baseline. Options as of
    `FaceTransfer.from_pretrained`. PackNotFound, PackMismatch.
    """
    folder = locate_pack(name, method, **hub_options)
    device, dtype = device_and_dtype(device, dtype, faithful)
    pack = load_pack(folder, method, dtype)
    kind = FaceTransfer if pack.method == "transfer" else LatentArithmetic
    return kind(pack, device, dtype, faithful)


def beside(model: FaceTransfer) -> dict[str, FaceTransfer]:
    """What the pack of `model` can do without fetching anything, by method, the best first: `model`
    itself, baselines that use its networks, and those whose encoder lies in the pack's folder."""
    found = {model.method: model}
    heads = model.pack.identity_encoder.config.heads
    if heads not in found:
        bare = {"motion_encoder": None, "mapper": None, "pose_split": None, "method": heads}
        pack = replace(model.pack, **bare)
        found[heads] = LatentArithmetic(pack, model.device, model.dtype, model.faithful)
    if (folder := model.pack.folder) is not None:
        manifest = read_manifest(folder)
        for method in set(methods(manifest)) - set(found):
            names = parts_of(manifest, method)[1].values()
            if all((folder / f"{name}.safetensors").is_file() for name in names):
                found[method] = load_model(
                    folder, method, device=model.device, dtype=model.dtype, faithful=model.faithful
                )
    return {method: found[method] for method in METHODS if method in found}
