"""The generator prepared for inference: the pictures of a `Generator`, up to rounding, several times
as fast.

What does not depend on the codes is made once: weights in the precision and layout of the device, the
power of each kernel for the demodulation, noise times its strength, the modulations of all layers
that read one row of W+ in one matrix. Layers differ in how they are modulated:

- small maps, many channels: the input is scaled by the styles and one convolution with constant
  weights serves the batch (`ModulatedConv`'s form);
- on the CPU, large maps with few channels: frame by frame, with the styles and the demodulation
  folded into the weights, which are far fewer than pixels; what a frame needs stays in the cache;
- on CUDA, upsampling is one 3x3 convolution with four times the outputs, one for each of the pixels
  that a pixel becomes: transposed convolution and blur in one, without a depthwise pass.

`lowered` is the little that the encoders need.
"""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stylexfer.networks.ops import SQRT2, blur_kernel
from stylexfer.networks.stylegan2 import Generator, StyledConv, ToRGB

_ALONE = 16  # pixels for each channel from which a map is made frame by frame on the CPU


Network = TypeVar("Network", bound=nn.Module)


def lowered(network: Network, dtype: torch.dtype) -> Network:
    """A frozen copy for autocast in `dtype`, which then need not convert large weights at each call;
    it shares all other tensors, and those that are in `dtype` already."""
    shared = {id(t): t for t in (*network.parameters(), *network.buffers())}
    made = copy.deepcopy(network, shared).eval()
    for part in made.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.weight = nn.Parameter(part.weight.detach().to(dtype), requires_grad=False)
    return made


def folded_upsampling(weight: Tensor) -> Tensor:
    """Kernel of an upsampling layer `[out, in, 3, 3]` -> `[4 * out, in, 3, 3]`, fp32.

    Transposed convolution (stride 2) and blur are one 6x6 kernel at the upsampled pixels; each of
    the four phases (row, then column, then `out`) sees 3x3 of its taps at the pixels before.
    """
    out, channels = weight.shape[:2]
    taps = weight.float().reshape(out * channels, 1, 3, 3)
    # full convolution of the two kernels (the blur's is symmetric)
    whole = F.conv2d(F.pad(taps, (3, 3, 3, 3)), blur_kernel().to(taps)[None, None])
    phases = [whole[:, 0, p : p + 5 : 2, q : q + 5 : 2].flip(1, 2) for p in (0, 1) for q in (0, 1)]
    return torch.stack(phases).reshape(4 * out, channels, 3, 3)


class _Layer(nn.Module):
    """A `StyledConv` and its noise map, prepared."""

    def __init__(
        self,
        layer: StyledConv,
        noise: Tensor,
        dtype: torch.dtype,
        device: torch.device,
        alone: bool,
    ):
        """alone: it will be asked for `one` frame at a time."""
        super().__init__()
        conv, weight = layer.conv, layer.conv.weight.detach()[0]
        out = weight.shape[0]
        self.dtype, self.clamp, self.upsample = dtype, layer.clamp, conv.upsample
        self.folded = conv.upsample and device.type == "cuda"
        # the layer's scale goes into the gain; fp16 could not hold the sums without it
        scale, self.gain = conv.scale, SQRT2
        power = (weight.float() * scale).square().sum(dim=(2, 3))
        if dtype != torch.float16:
            self.gain *= scale
            scale = 1.0
        if alone:  # modulated in fp32, then cast
            self.gain *= scale
        else:
            if self.folded:
                weight = folded_upsampling(weight)
            elif conv.upsample:
                weight = weight.transpose(0, 1)
            own = weight
            weight = weight if scale == 1.0 else weight.float() * scale
            weight = weight.to(dtype)  # the generator's own where that is its precision
            if weight is not own or device.type == "cuda":
                weight = weight.contiguous(memory_format=torch.channels_last)
        noise = SQRT2 * layer.noise.weight.detach().float() * noise.float()
        buffers = {
            "weight": weight,
            "power": power,
            "bias": (SQRT2 * layer.activate.bias.detach().float()).to(dtype),
            "noise": noise.to(dtype) if noise.any() else None,
            "blur": None,
        }
        if conv.upsample and not self.folded:
            blur = conv.blur.kernel.to(dtype).expand(out, 1, 4, 4)
            buffers["blur"] = blur.contiguous(memory_format=torch.channels_last)
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def gains(self, styles: Tensor) -> Tensor:
        """`[B, in] -> [B, out]`, fp32: demodulation, the activation's sqrt(2), the layer's scale."""
        return torch.rsqrt(styles.square() @ self.power.t() + 1e-8) * self.gain

    def forward(self, x: Tensor, styles: Tensor, gains: Tensor) -> Tensor:
        """`[B, in, r, r] -> [B, out, r or 2r, ..]` with constant weights; styles `[B, in]`, fp32."""
        if self.dtype == torch.float16:
            largest = styles.abs().amax(dim=1, keepdim=True).clamp_(min=1e-6)
            styles, gains = styles / largest, gains * largest
        x = x * styles.to(self.dtype)[:, :, None, None]
        gains = gains.to(self.dtype)[:, :, None, None]
        bias = self.bias[:, None, None]
        if self.folded:
            x = self._unfolded(F.conv2d(x, self.weight, padding=1), gains, bias)
        else:
            if self.upsample:
                x = F.conv_transpose2d(x, self.weight, stride=2)
                x = F.conv2d(x, self.blur, padding=1, groups=x.shape[1])
            else:
                x = F.conv2d(x, self.weight, padding=1)
            x = torch.addcmul(bias, x, gains, out=x)
        return self._activated(x)

    def _unfolded(self, x: Tensor, gains: Tensor, bias: Tensor) -> Tensor:
        """The four phases `[B, 4 * out, r, r]` put in place, times the gains, plus the bias."""
        b, _, height, width = x.shape
        out = gains.shape[1]
        phases = x.permute(0, 2, 3, 1).reshape(b, height, width, 2, 2, out)
        placed = x.new_empty(b, height, 2, width, 2, out)
        torch.addcmul(
            bias[:, 0, 0],
            phases.permute(0, 1, 3, 2, 4, 5),
            gains.view(b, 1, 1, 1, 1, out),
            out=placed,
        )
        return placed.view(b, 2 * height, 2 * width, out).permute(0, 3, 1, 2)

    def one(self, x: Tensor, styles: Tensor, gains: Tensor) -> Tensor:
        """The same for one frame, `x` `[1, in, r, r]`, modulated by its weights."""
        weight = self.weight * (gains[0, :, None] * styles)[:, :, None, None]
        weight = weight.to(self.dtype)
        if self.upsample:
            x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = F.conv2d(x, self.blur, self.bias, padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x, weight, self.bias, padding=1)
        return self._activated(x)

    def _activated(self, x: Tensor) -> Tensor:
        if self.noise is not None:
            x += self.noise
        x = F.leaky_relu_(x, 0.2)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)


class _RGB(nn.Module):
    """A `ToRGB`, prepared: it adds to the upsampled picture in fp32."""

    def __init__(self, layer: ToRGB, dtype: torch.dtype):
        super().__init__()
        self.dtype, self.clamp = dtype, layer.clamp
        weight = layer.conv.weight.detach()[0, :, :, 0, 0].float() * layer.conv.scale
        buffers = {"weight": weight, "bias": layer.bias.detach().float().flatten()}
        if hasattr(layer, "upsample"):
            kernel = layer.upsample.kernel.float().expand(3, 1, 4, 4)
            buffers["blur"] = kernel.contiguous(memory_format=torch.channels_last)
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, x: Tensor, styles: Tensor, image: Tensor | None) -> Tensor:
        """`[B, in, r, r]`, styles `[B, in]` and the picture so far -> `[B, 3, r, r]`, fp32."""
        b, channels, height, width = x.shape
        weight = (self.weight * styles[:, None]).to(self.dtype)
        pixels = x.permute(0, 2, 3, 1).reshape(b, height * width, channels)
        rgb = torch.bmm(pixels, weight.transpose(1, 2)).float().add_(self.bias)
        rgb = rgb.view(b, height, width, 3).permute(0, 3, 1, 2)
        if self.clamp is not None:
            rgb.clamp_(-self.clamp, self.clamp)
        if image is None:
            return rgb
        return rgb.add_(F.conv_transpose2d(image, self.blur, stride=2, padding=1, groups=3))


class FastGenerator(nn.Module):
    """W+ codes -> pictures, as `Generator.forward` makes them with its stored noise.

    For inference only: it holds what `generator` was when this was made, and shares its weights
    where precision and layout allow. Moving it to another device afterwards does not suit it to
    that one: give `device`.
    """

    def __init__(
        self,
        generator: Generator,
        dtype: torch.dtype | None = None,
        device: str | torch.device | None = None,
    ):
        """dtype: of the convolutions; None is the generator's own. device: None likewise."""
        super().__init__()
        self.config = generator.config
        own = generator.input.input
        self.dtype, device = dtype or own.dtype, torch.device(device or own.device)
        self.first_alone = self._first_alone(device)
        noise = generator.constant_noise()
        layers = [
            _Layer(layer, noise[k], self.dtype, device, k >= 2 * self.first_alone - 1)
            for k, layer in enumerate((generator.conv1, *generator.convs))
        ]
        rgbs = [_RGB(layer, self.dtype) for layer in (generator.to_rgb1, *generator.to_rgbs)]
        self.layers, self.rgbs = nn.ModuleList(layers), nn.ModuleList(rgbs)
        constant = generator.input.input.detach().to(self.dtype)
        self.register_buffer("constant", constant, persistent=False)
        # Row 0 of a code goes to the first layer, row 2k + 1 to the k-th RGB layer and the upsampling
        # layer after it, row 2k + 2 to the layer after that.
        convs = [layer.conv.modulation for layer in (generator.conv1, *generator.convs)]
        tails = [layer.conv.modulation for layer in (generator.to_rgb1, *generator.to_rgbs)]
        self.rows = nn.ModuleList()
        for row in range(self.n_styles):
            read = [tails[row // 2]] if row % 2 else []
            self.rows.append(_Row(read + convs[row : row + 1]))
        self.eval().requires_grad_(False).to(device)

    def _first_alone(self, device: torch.device) -> int:
        """The first level, 0 at 4 pixels, that is made frame by frame."""
        levels = range(1, len(self.config.channels))
        large = [k for k in levels if 16 * 4**k >= _ALONE * self.config.channels[k]]
        return large[0] if large and device.type == "cpu" else len(self.config.channels)

    @property
    def n_styles(self) -> int:
        """Rows of a W+ code."""
        return self.config.n_styles

    @torch.inference_mode()
    def forward(self, codes: Tensor, resolution: int | None = None) -> Tensor:
        """W+ codes `[B, n_styles, style_dim]` -> pictures `[B, 3, resolution, resolution]`, fp32,
        about [-1, 1], unclamped. `resolution`: an earlier output (default: full size)."""
        levels = (resolution or self.config.size).bit_length() - 3
        styles = [row(codes[:, k].float()) for k, row in enumerate(self.rows[: 2 * levels + 2])]
        convs = [styles[0][0]] + [row[-1] for row in styles[1 : 2 * levels + 1]]
        tails = [row[0] for row in styles[1::2]]
        gains = [layer.gains(s) for layer, s in zip(self.layers, convs, strict=False)]

        x = self.constant.expand(codes.shape[0], -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.layers[0](x, convs[0], gains[0])
        image = self.rgbs[0](x, tails[0], None)
        together = min(levels + 1, self.first_alone)
        for level in range(1, together):
            for k in (2 * level - 1, 2 * level):
                x = self.layers[k](x, convs[k], gains[k])
            image = self.rgbs[level](x, tails[level], image)
        if together > levels:
            return image
        side = 4 * 2**levels
        images = image.new_empty(len(codes), side, side, 3).permute(0, 3, 1, 2)
        for b in range(len(codes)):
            one = slice(b, b + 1)
            frame, picture = x[one], image[one]
            for level in range(together, levels + 1):
                for k in (2 * level - 1, 2 * level):
                    frame = self.layers[k].one(frame, convs[k][one], gains[k][one])
                picture = self.rgbs[level](frame, tails[level][one], picture)
            images[one] = picture
        return images


class _Row(nn.Module):
    """The modulations that read one row of W+, in one product: `[B, style_dim]` -> styles of each,
    `[B, in]`, fp32."""

    def __init__(self, modulations: list[nn.Module]):
        super().__init__()
        self.widths = [linear.weight.shape[0] for linear in modulations]
        weight = torch.cat([m.weight.detach().float() * m.scale for m in modulations])
        bias = torch.cat([m.bias.detach().float() * m.lr_mul for m in modulations])
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, w: Tensor) -> tuple[Tensor, ...]:
        return F.linear(w, self.weight, self.bias).split(self.widths, dim=1)
