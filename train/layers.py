"""What training does to networks as they are: less memory, and one batch over several processes."""

from functools import partial
from types import MethodType

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.utils.checkpoint import checkpoint

from stylexfer.networks import Generator
from stylexfer.networks.irse import IRSE


def recompute_activations(generator: Generator) -> None:
    """Keep the input of each 3x3 layer only, and compute the rest again in the backward pass.

    Gradients stay the same to the bit; a step takes about a third longer and holds a fraction of
    the activations (in place).
    """
    for layer in (generator.conv1, *generator.convs):
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)


def _shared(self: nn.Module, x: Tensor) -> Tensor:
    """Batch normalisation over the batches of all processes."""
    if not self.training:
        return type(self).forward(self, x)
    dims = [d for d in range(x.ndim) if d != 1]
    shape = [-1 if d == 1 else 1 for d in range(x.ndim)]
    values = x.float()
    count = values.numel() / values.shape[1] * dist.get_world_size()
    mean = all_reduce(values.sum(dims)) / count
    centred = values - mean.view(shape)
    variance = all_reduce(centred.square().sum(dims)) / count
    with torch.no_grad():
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
    scale = (variance + self.eps).rsqrt() * self.weight
    return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)


def share_batch_statistics(model: nn.Module) -> None:
    """Batch normalisation over all processes instead of each one's part (in place).

    Several processes then train as one does on the whole batch, on any device (torch's own
    SyncBatchNorm takes CUDA alone). One process: nothing changes.
    """
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.forward = MethodType(_shared, layer)


@torch.no_grad()
def start_trunk(encoder: IRSE, trunk: IRSE) -> None:
    """Give an encoder the IR-SE trunk of another network, such as a recognition network (in place).

    The first convolution may have more input channels (ReStyle: picture and reconstruction): the
    others stay as drawn, as in pSp's and ReStyle's code. ValueError if the trunks differ.
    """
    ours, theirs = encoder.state_dict(), trunk.state_dict()
    names = [n for n in ours if n.startswith(("input_layer.", "body."))]
    first = "input_layer.0.weight"
    same = all(n in theirs and ours[n].shape == theirs[n].shape for n in names if n != first)
    if not same or ours[first].shape[0] != theirs[first].shape[0]:
        raise ValueError(
            "the trunks differ in widths or depths: take the recognition network's own"
        )
    for name in names:
        if name == first:
            ours[name][:, : theirs[name].shape[1]].copy_(theirs[name])
        else:
            ours[name].copy_(theirs[name])
