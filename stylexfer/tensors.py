"""Pictures as tensors and back; where and in what precision to compute."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylexfer.errors import StylexferError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def to_tensor(images: list[np.ndarray], device: torch.device | None = None) -> Tensor:
    """uint8 `[S, S, 3]` each -> `[B, 3, S, S]` in [-1, 1], on `device`."""
    stack = torch.from_numpy(np.stack(images))
    if device is not None and device.type == "cuda":
        # as bytes, a quarter of the floats, and without waiting for what the GPU does meanwhile
        stack = stack.pin_memory().to(device, non_blocking=True)
    elif device is not None:
        stack = stack.to(device)
    return stack.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_pictures(images: Tensor) -> np.ndarray:
    """`[B, 3, H, W]` about [-1, 1] -> uint8 `[B, H, W, 3]`, truncated as pSp's `tensor2im`."""
    scaled = ((images.float() + 1) / 2).clamp_(0, 1).mul_(255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def fast_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the device computes it natively, else fp16 on CUDA, else fp32."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def device_and_dtype(
    device: str | torch.device | None, dtype: torch.dtype | None, faithful: bool
) -> tuple[torch.device, torch.dtype]:
    """Where and in what to compute, as far as nobody has chosen."""
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return device, torch.float32 if faithful else dtype or fast_dtype(device)


def usable_device(name: str | None) -> torch.device:
    """The one that was asked for, else the GPU if there is one. StylexferError if it is not here."""
    try:
        return torch.empty(
            0, device=name or ("cuda" if torch.cuda.is_available() else "cpu")
        ).device
    except (RuntimeError, AssertionError, NotImplementedError) as problem:  # by kind of device
        raise StylexferError(f"No device {name!r} here: take cpu.") from problem


def mirrored(crop: np.ndarray) -> np.ndarray:
    """uint8 `[S, S, 3]`, left and right exchanged."""
    return np.ascontiguousarray(crop[:, ::-1])


def resized(crop: np.ndarray, side: int) -> np.ndarray:
    """To `side` with PIL's antialiased bilinear filter, as ReStyle's preprocessing does."""
    if crop.shape[0] == side:
        return crop
    return np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BILINEAR))
