"""M of the paper (section 3.1): one fully connected layer on the two concatenated codes; and, beyond
the paper, what part of a change of motion is head pose."""

import torch
from torch import Tensor, nn

_SLICE = 512  # rows of a weight that are converted at once


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`nn.functional.linear` in the precision of x, fp32, also where the weight is held in bf16.

    M has 170 M weights at 1024 px: converted as a whole they would be as large as all else.
    """
    if weight.dtype == x.dtype:
        return nn.functional.linear(x, weight, bias)
    rows = [nn.functional.linear(x, part.to(x.dtype)) for part in weight.split(_SLICE)]
    out = torch.cat(rows, dim=-1)
    return out if bias is None else out + bias


class Mapper(nn.Module):
    """M(i, m) = A i + B m + b on flattened W+ codes, identity first (as in the released code).

    `[B, n_styles, style_dim]` twice -> `[B, n_styles, style_dim]`. Being linear, the identity's
    part A i + b is computed once per identity (`identity_term`), B m once per frame.
    """

    def __init__(self, n_styles: int = 18, style_dim: int = 512):
        super().__init__()
        self.shape = (n_styles, style_dim)
        width = n_styles * style_dim
        self.linear = nn.Linear(2 * width, width)

    @property
    def motion_weight(self) -> Tensor:
        """B, `[n_styles * style_dim]` squared."""
        return self.linear.weight[:, self.shape[0] * self.shape[1] :]

    def identity_term(self, identity: Tensor) -> Tensor:
        """A i + b, `[B, n_styles, style_dim]`."""
        width = self.shape[0] * self.shape[1]
        weight = self.linear.weight[:, :width]
        out = _linear(identity.flatten(1), weight, self.linear.bias)
        return out.unflatten(1, self.shape)

    def motion_term(self, motion: Tensor) -> Tensor:
        """B m, `[B, n_styles, style_dim]`."""
        out = _linear(motion.flatten(1), self.motion_weight)
        return out.unflatten(1, self.shape)

    def forward(self, identity: Tensor, motion: Tensor) -> Tensor:
        codes = torch.cat([identity.flatten(1), motion.flatten(1)], dim=1)
        out = _linear(codes, self.linear.weight, self.linear.bias)
        return out.unflatten(1, self.shape)


class PoseSplit(nn.Module):
    """The head pose's part of a change of motion: a linear map of rank 3 (yaw, pitch, roll).

    `readout` `[3, n_styles * style_dim]` reads the change of pose from a change of the motion code;
    `basis` `[n_styles * style_dim, 3]` is how M's output changes with it. Fitted by
    `train.export` on a corpus with known motion; a pack may lack it.
    """

    def __init__(self, n_styles: int, style_dim: int):
        super().__init__()
        self.shape = (n_styles, style_dim)
        width = n_styles * style_dim
        self.register_buffer("readout", torch.zeros(3, width))
        self.register_buffer("basis", torch.zeros(width, 3))

    def forward(self, change: Tensor) -> Tensor:
        """Change of the motion code -> its pose part in W+, both `[B, n_styles, style_dim]`."""
        return (self.read(change) @ self.basis.t()).unflatten(1, self.shape)

    def read(self, change: Tensor) -> Tensor:
        """Change of the motion code -> change of yaw, pitch and roll, `[B, 3]`, in the units of the
        corpus."""
        return change.flatten(1) @ self.readout.t()
