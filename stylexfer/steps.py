"""Edits in steps: one driver's picture after the other moves the same identity.

A result is not inverted again: that would lose some of the person with each step. What is kept is
the identity, and how far pose and expression have gone from its own; the next driver goes on there.
"""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stylexfer.driving import Animated, faithful_views, followed_views
from stylexfer.errors import NoFaceFound
from stylexfer.faces.detect import NO_FACE
from stylexfer.identity import Identity
from stylexfer.transfer import FaceTransfer


@dataclass(frozen=True)
class Held:
    """What pose and expression have come to, each as a change of the identity's own motion
    (`FaceTransfer.change`), `[1, n_styles, style_dim]` on the CPU."""

    pose: Tensor
    expression: Tensor


@dataclass(frozen=True)
class Driven(Animated):
    """A result, and what the next step goes on from."""

    held: Held


def drive_step(
    model: FaceTransfer,
    identity: Identity,
    frame: np.ndarray,
    pose: float = 1.0,
    expression: float = 1.0,
    held: Held | None = None,
) -> Driven:
    """One picture uint8 `[H, W, 3]` drives `identity`, as `FaceTransfer.animate` does, from where the
    steps before have left it: strength 0 keeps that pose or expression, 1 is the driver's.

    held: of the step before; None is the identity's own pose. NoFaceFound.
    """
    if model.faithful:
        views = faithful_views([frame], model.view_side)
    else:
        views = followed_views([frame], model.view_side, fps=25.0, steadiness=0.0)
    (view,) = views
    if view is None:
        raise NoFaceFound(NO_FACE)
    motion = model.steered(identity, model.motion_codes([view.crop]))
    away = motion - model.own_origin(identity, [view.crop])
    if held is None:
        held = Held(pose * away, expression * away)
        change = model.change(away, pose, expression)
    else:
        before = [part.to(away.device) for part in (held.pose, held.expression)]
        held = Held(
            before[0] + pose * (away - before[0]), before[1] + expression * (away - before[1])
        )
        change = model.change(held.pose, 1, 0) + model.change(held.expression, 0, 1)
    code = model.rest_code(identity) + change
    image = model.decode(code, model.generator_of(identity))[0]
    # Cloned outside inference mode, as an identity's codes are.
    kept = Held(held.pose.clone().cpu(), held.expression.clone().cpu())
    return Driven(image, view, kept)
