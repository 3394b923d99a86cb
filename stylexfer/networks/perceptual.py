"""LPIPS v0.1 with AlexNet (Zhang et al. 2018), so that a pack can hold it without torchvision.

Parameter names are those of the original class, less its second copy of the linear weights.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
# torchvision's index -> in, out, kernel, stride, padding; each is followed by a ReLU, the tap
LAYERS = {
    0: (3, 64, 11, 4, 2),
    3: (64, 192, 5, 1, 2),
    6: (192, 384, 3, 1, 1),
    8: (384, 256, 3, 1, 1),
    10: (256, 256, 3, 1, 1),
}
POOLED = (3, 6)  # these layers are given the last tap after a 3x3 max pool of stride 2


class LPIPS(nn.Module):
    """Perceptual distance of two pictures `[B, 3, H, W]` in [-1, 1] -> `[B]`, 0 for equal ones.

    At least 31 px a side (AlexNet's pooling). The mean over a batch is what pSp's and ReStyle's
    LPIPS loss returns.
    """

    def __init__(self):
        super().__init__()
        self.net = nn.Module()
        for k, (index, (a, b, *shape)) in enumerate(LAYERS.items()):
            self.net.add_module(
                f"slice{k + 1}", nn.ModuleDict({str(index): nn.Conv2d(a, b, *shape)})
            )
            head = nn.ModuleDict({"1": nn.Conv2d(b, 1, 1, bias=False)})  # 0 is a dropout upstream
            self.add_module(f"lin{k}", nn.ModuleDict({"model": head}))

    def taps(self, x: Tensor) -> list[Tensor]:
        """The five maps after their ReLUs, each pixel divided by its length over the channels."""
        shift, scale = (x.new_tensor(v)[:, None, None] for v in (SHIFT, SCALE))
        x = (x - shift) / scale
        maps = []
        for k, index in enumerate(LAYERS):
            if index in POOLED:
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(self.net.get_submodule(f"slice{k + 1}")[str(index)](x))
            maps.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return maps

    def per_layer(self, a: Tensor, b: Tensor) -> Tensor:
        """The five terms of the distance, `[5, B]`."""
        terms = []
        for k, (x, y) in enumerate(zip(self.taps(a), self.taps(b), strict=True)):
            head = self.get_submodule(f"lin{k}")["model"]["1"]
            terms.append(head((x - y).square()).mean(dim=(1, 2, 3)))
        return torch.stack(terms)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.per_layer(a, b).sum(dim=0)
