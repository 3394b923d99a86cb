"""Pictures to codes and back: the networks of one pack, prepared for one device and precision."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from stylexfer.networks import FastGenerator, ReStyleEncoder, first_feedback, lowered, restyle
from stylexfer.networks.graphs import GraphedGenerator, graphs_allowed
from stylexfer.packs import Pack
from stylexfer.tensors import resized, to_pictures, to_tensor

_BATCH = 8  # frames at once, at most,
_BATCH_PIXELS = {"cpu": 8 * 256**2, "other": 4 * 1024**2}  # and pixels of results, by device


class Coder:
    """The networks of a pack, on pictures. Holds nothing of a visitor.

    The networks are frozen: generator and encoders that are used are prepared copies
    (`FastGenerator`, `lowered`), which share the pack's weights where they can.
    """

    def __init__(self, pack: Pack, device: torch.device, dtype: torch.dtype):
        """dtype: of the convolutions."""
        self.pack, self.device, self.dtype = pack, device, dtype
        for network in pack.networks().values():
            if dtype == torch.float32:
                network.float()  # a pack may have been loaded for bf16
        self.generator = FastGenerator(pack.generator, dtype, device)
        # the same pictures by the quickest way there is
        graphs = graphs_allowed(device)
        self.draw = GraphedGenerator(self.generator) if graphs else self.generator
        encoders = [pack.identity_encoder, pack.motion_encoder]
        if dtype != torch.float32:
            encoders = [encoder and lowered(encoder, dtype) for encoder in encoders]
        self.identity_encoder, self.motion_encoder = encoders
        for network in (*pack.networks().values(), *filter(None, encoders)):
            network.to(device)

    @property
    def size(self) -> int:
        """Side of the pictures this pack makes, in pixels."""
        return self.pack.generator.config.size

    @property
    def batch_size(self) -> int:
        """Frames at once: at 1024 px each takes some 0.3 GB (bf16) or 0.6 GB (fp32) of memory."""
        pixels = _BATCH_PIXELS["cpu" if self.device.type == "cpu" else "other"]
        return max(1, min(_BATCH, pixels // self.size**2))

    def _autocast(self):
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    @torch.inference_mode()
    def decode(self, codes: Tensor, generator: FastGenerator | None = None) -> np.ndarray:
        """W+ codes `[B, n_styles, style_dim]` -> uint8 `[B, size, size, 3]`; by another generator
        than the pack's, if given."""
        return to_pictures((generator or self.draw)(codes.to(self.device)))

    @torch.inference_mode()
    def motion_codes(self, crops: list[np.ndarray]) -> Tensor:
        """E_m of aligned crops (uint8, the encoder's input size), `[B, n_styles, style_dim]`."""
        with self._autocast():
            return self.motion_encoder(to_tensor(crops, self.device)).float()

    @torch.inference_mode()
    def invert(self, crops: list[np.ndarray]) -> Tensor:
        """E_i of aligned crops (uint8, of any side), `[B, n_styles, style_dim]`."""
        encoder = self.identity_encoder
        views = [resized(crop, encoder.config.input_size) for crop in crops]
        images = to_tensor(views, self.device)
        if isinstance(encoder, ReStyleEncoder):
            start = self._first_feedback
            return restyle(encoder, self.draw, images, dtype=self.dtype, start=start)[-1]
        with self._autocast():
            return encoder(images).float()

    @cached_property
    def _first_feedback(self) -> Tensor:
        return first_feedback(self.identity_encoder, self.draw)
