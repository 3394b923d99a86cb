"""The generator as StyleGAN2 is usually written, as a measure of the one that is used here.

Every sample gets weights of its own, scaled by its styles and demodulated, and a batch is one
convolution with a group for each sample (Karras et al. 2020, section 2.2 and its appendix B).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from stylexfer.bench.timing import Cost, typical
from stylexfer.networks import FastGenerator, Generator, GeneratorConfig, ffhq_channels
from stylexfer.networks.ops import SQRT2, ModulatedConv


class GroupedGenerator:
    """W+ codes `[B, n_styles, style_dim]` -> pictures fp32, on the weights of `generator`."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32):
        self.generator, self.dtype = generator, dtype

    def _convolved(self, conv: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
        b, channels, height, width = x.shape
        styles = conv.modulation(w)
        weight = conv.weight.float() * conv.scale * styles[:, None, :, None, None]
        if conv.demodulate:
            weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        weight = weight.to(self.dtype)
        out, side = weight.shape[1], weight.shape[-1]
        x = x.reshape(1, b * channels, height, width)
        if conv.upsample:
            weight = weight.transpose(1, 2).reshape(b * channels, out, side, side)
            x = F.conv_transpose2d(x, weight, stride=2, groups=b)
            return conv.blur(x.reshape(b, out, *x.shape[2:]))
        weight = weight.reshape(b * out, channels, side, side)
        x = F.conv2d(x, weight, padding=conv.padding, groups=b)
        return x.reshape(b, out, height, width)

    @torch.inference_mode()
    def __call__(self, codes: Tensor) -> Tensor:
        own = self.generator
        noise = iter(own.constant_noise())
        x = own.input(len(codes)).to(self.dtype).contiguous()

        def styled(layer, x: Tensor, row: int) -> Tensor:
            x = self._convolved(layer.conv, x, codes[:, row])
            x = x + (layer.noise.weight * next(noise)).to(x.dtype)
            x = F.leaky_relu(x + layer.activate.bias[:, None, None].to(x.dtype), 0.2) * SQRT2
            return x if layer.clamp is None else x.clamp(-layer.clamp, layer.clamp)

        def coloured(layer, x: Tensor, row: int) -> Tensor:
            rgb = self._convolved(layer.conv, x, codes[:, row]).float() + layer.bias
            return rgb if layer.clamp is None else rgb.clamp(-layer.clamp, layer.clamp)

        x = styled(own.conv1, x, 0)
        image = coloured(own.to_rgb1, x, 1)
        for k, to_rgb in enumerate(own.to_rgbs):
            x = styled(own.convs[2 * k], x, 2 * k + 1)
            x = styled(own.convs[2 * k + 1], x, 2 * k + 2)
            image = coloured(to_rgb, x, 2 * k + 3) + to_rgb.upsample(image)
        return image


def generator_of(size: int) -> Generator:
    """The released architecture at this size, with random weights."""
    torch.manual_seed(0)
    return Generator(GeneratorConfig(size, ffhq_channels(size))).eval().requires_grad_(False)


def compared(
    generator: Generator, dtype: torch.dtype, device: torch.device, batch: int, runs: int
) -> dict:
    """Both forms on the same codes: milliseconds a picture, and how many times as fast ours is."""
    generator = generator.to(device)
    shape = (batch, generator.n_styles, generator.config.style_dim)
    codes = torch.randn(shape, generator=torch.manual_seed(0)).to(device)
    fast, grouped = FastGenerator(generator, dtype, device), GroupedGenerator(generator, dtype)

    def cost(form) -> Cost:
        return typical(lambda: form(codes), device, runs).each(batch)

    ours, plain = cost(fast), cost(grouped)
    on_cpu = device.type == "cpu"  # there others may use the cores too: compare what was spent
    return {
        "size": generator.config.size,
        "dtype": str(dtype).removeprefix("torch."),
        "batch": batch,
        "fast_ms": [round(ours.wall, 2), round(ours.cpu, 2)],
        "grouped_ms": [round(plain.wall, 2), round(plain.cpu, 2)],
        "ratio": round(plain.cpu / ours.cpu if on_cpu else plain.wall / ours.wall, 2),
        "ratio_wall": round(plain.wall / ours.wall, 2),
    }
