"""Steering: what a driver's motion has to be for a tuned person's head to turn as far as the driver's.

Tuning sees one portrait: half of a face that is turned aside it never sees, and E_m may misread how
far that is. So the tuned generator turns the head less far than the code asks for, and from another
middle. Both are nearly linear in one person (measured over 17 portraits and seven clips: yaw tuned
against untuned, a line with 1.4 degrees about it), so a few pictures of known turns tell what to ask
for instead. Eyes, mouth and brows are asked for as before.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from stylexfer.faces.landmarks import enlarged, largest_face
from stylexfer.faces.pose import head_pose
from stylexfer.identity import Identity
from stylexfer.packs import Pack

if TYPE_CHECKING:
    from stylexfer.transfer import FaceTransfer

# Turns that are tried, in units of `PoseSplit` (a corpus's spread: 18 degrees of yaw, 8 of pitch).
_YAWS, _PITCHES = (0.0, -1.0, -0.5, 0.5, 1.0), (-1.75, -0.9, 0.9, 1.75)
_FEWEST = 4  # of an axis in which a face has to be found
_GAIN, _OFFSET = 2.0, 1.0  # no head is made to turn more times as far, or to start further aside
_RIDGE = 1e-3  # of the mean of the diagonal


@torch.inference_mode()
def directions(pack: Pack) -> Tensor:
    """Motion codes of a unit of yaw, pitch and roll, `[3, n_styles, style_dim]`: what M makes of them
    is the `basis` of the pack's `pose_split`, and its `readout` reads each as one of its own."""
    split = pack.pose_split
    weight = pack.mapper.motion_weight.float()
    gram = weight.t() @ weight
    gram.diagonal().add_(_RIDGE * gram.diagonal().mean())
    gram += split.readout.t() @ split.readout
    codes = torch.linalg.solve(gram, weight.t() @ split.basis + split.readout.t())
    return codes.t().unflatten(1, split.shape)


def _poses(model: "FaceTransfer", identity: Identity, motions: Tensor) -> np.ndarray:
    """Yaw and pitch in degrees of `identity` moved by each of `motions`, `[B, 2]`; NaN: no face."""
    change = model.change(motions - model.own_origin(identity, []), 1, 1)
    codes, generator = model.rest_code(identity) + change, model.generator_of(identity)
    found = []
    for batch in codes.split(model.batch_size):
        for picture in model.decode(batch, generator):
            points = largest_face(enlarged(picture))
            found.append((np.nan, np.nan) if points is None else head_pose(points)[:2])
    return np.array(found)


@torch.inference_mode()
def steering(model: "FaceTransfer", plain: Identity, tuned: Identity) -> Tensor | None:
    """What `FaceTransfer.steered` adds to motion codes, `[4, n_styles, style_dim]` fp32 on the CPU:
    for each unit of yaw, pitch and roll that the driver shows, and always.

    plain: the same person untuned, whose turns are wanted. Yaw is centred too; the middle of pitch
    is left alone, for a longer nose reads as a head that is lowered. None where the pack can't tell
    pose from expression.
    """
    split = model.pack.pose_split
    if split is None:
        return None
    ways = directions(model.pack)
    middle = model.strangers.mean(dim=0, keepdim=True)
    asked = np.array([(yaw, 0, 0) for yaw in _YAWS] + [(0, pitch, 0) for pitch in _PITCHES])
    count = len(_YAWS)
    axes = (range(count), (0, *range(count, len(asked))))  # rows in which yaw turns, and pitch
    moved = torch.tensor(asked, dtype=ways.dtype, device=ways.device)
    motions = middle + torch.einsum("bk,knd->bnd", moved, ways)
    wanted, shown = _poses(model, plain, motions), _poses(model, tuned, motions)
    gain, offset = np.ones(3), np.zeros(3)
    for axis, rows in enumerate(axes):
        turns, want, show = asked[rows, axis], wanted[rows, axis], shown[rows, axis]
        known = np.isfinite(want + show)
        if known.sum() < _FEWEST:
            continue
        slope, start = np.polyfit(turns[known], want[known], 1)
        tuned_slope, tuned_start = np.polyfit(turns[known], show[known], 1)
        gain[axis] = np.clip(slope / max(tuned_slope, 1e-3), 1 / _GAIN, _GAIN)
        if axis == 0:
            aside = (start - tuned_start) / max(tuned_slope, abs(slope) / _GAIN, 1e-3)
            offset[axis] = np.clip(aside, -_OFFSET, _OFFSET)
    gain, offset = (torch.tensor(v, dtype=ways.dtype, device=ways.device) for v in (gain, offset))
    more = ways * (gain - 1)[:, None, None]
    always = offset - (gain - 1) * split.read(middle)[0]
    return torch.cat([more, torch.einsum("k,knd->nd", always, ways)[None]]).cpu()
