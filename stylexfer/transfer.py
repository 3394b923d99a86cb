"""The method, in memory: `FaceTransfer` holds the networks, an `Identity` all of one visitor.

    model = FaceTransfer.from_pretrained("default")
    identity = model.identify(picture)
    for frame in model.animate(identity, driving_frames):
        show(frame.image)

Pictures are uint8 `[H, W, 3]` here; tensors live inside.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import ModelHubMixin, snapshot_download
from PIL import Image
from torch import Tensor

from stylexfer.errors import NoFaceFound, PackNotFound
from stylexfer.faces.align import align, crop_quad, ffhq_quad
from stylexfer.faces.detect import find_face
from stylexfer.faces.track import FaceTracker
from stylexfer.networks import restyle
from stylexfer.packs import Pack, load_pack, resolve_pack, save_pack


@dataclass(frozen=True)
class Identity:
    """The person who will be animated. Made by `identify` or `random_identity`; never changed.

    `code` and `motion` are `[1, n_styles, style_dim]` fp32 on the CPU: the W+ inversion E_i(t) and
    the own motion E_m(t). `crop` is the aligned face, `inversion` its reconstruction G(code), both
    uint8 `[S, S, 3]`. `quad` `[4, 2]` places the crop in the picture (None for a random identity).
    """

    code: Tensor
    motion: Tensor
    crop: np.ndarray
    inversion: np.ndarray
    quad: np.ndarray | None = None


@dataclass(frozen=True)
class Animated:
    """One frame: the result `[size, size, 3]`, the driver's aligned crop, and whether a face was
    found (if not, the last motion is repeated; `driving` is then None)."""

    image: np.ndarray
    driving: np.ndarray | None
    face: bool


def to_tensor(images: list[np.ndarray]) -> Tensor:
    """uint8 `[S, S, 3]` each -> `[B, 3, S, S]` in [-1, 1]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def to_pictures(images: Tensor) -> np.ndarray:
    """`[B, 3, H, W]` about [-1, 1] -> uint8 `[B, H, W, 3]`, truncated as pSp's `tensor2im`."""
    scaled = ((images.float() + 1) / 2).clamp_(0, 1).mul_(255)
    return scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def fast_dtype(device: torch.device) -> torch.dtype:
    """bf16 where the device computes it natively, else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


class FaceTransfer(ModelHubMixin, library_name="stylexfer", tags=["stylegan2", "face-reenactment"]):
    """g = G(M(E_m(source) (+) E_i(target))), the paper's section 3.1, over one pack."""

    # Set, so that the mixin does not make one of __init__'s arguments: it would copy the networks,
    # and pin the device of whoever saves.
    _hub_mixin_config = {}  # noqa: RUF012  never changed

    def __init__(
        self,
        pack: Pack,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ):
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.device = torch.device(device)
        self.dtype = dtype or fast_dtype(self.device)
        self.pack = pack
        for network in pack.networks().values():
            network.to(self.device)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "default",
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        **hub_options,
    ) -> "FaceTransfer":
        """A pack by its name in `checkpoints/`, by the path of its folder, or by its Hub id.

        hub_options: `revision`, `token`, `cache_dir`, `force_download`, `local_files_only`.
        PackNotFound, PackMismatch.
        """
        # The mixin's own way would ask for a config.json first; a pack's numbers are in pack.json.
        name = pretrained_model_name_or_path
        folder = resolve_pack(name)
        if folder is None:
            try:
                folder = snapshot_download(
                    str(name), allow_patterns=["pack.json", "*.safetensors"], **hub_options
                )
            except Exception as problem:  # the Hub's errors and the network's are of many kinds
                raise PackNotFound(
                    f"No pack {str(name)!r}: it is no folder, no name in checkpoints/, and the Hub "
                    f"gave none ({type(problem).__name__}). Check the name and the network."
                ) from problem
        return cls(load_pack(folder), device, dtype)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_pack(self.pack, save_directory)

    @property
    def size(self) -> int:
        """Side of the pictures this pack makes, in pixels."""
        return self.pack.generator.config.size

    def _autocast(self):
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if low else None, enabled=low)

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> np.ndarray:
        """W+ codes `[B, n_styles, style_dim]` -> uint8 `[B, size, size, 3]`."""
        return to_pictures(self.pack.generator(codes.to(self.device), dtype=self.dtype))

    @torch.inference_mode()
    def motion_codes(self, crops: list[np.ndarray]) -> Tensor:
        """E_m of aligned crops (uint8, the encoder's input size), `[B, n_styles, style_dim]`."""
        with self._autocast():
            return self.pack.motion_encoder(to_tensor(crops).to(self.device)).float()

    def _identity(self, crop: np.ndarray, quad: np.ndarray | None) -> Identity:
        encoder = self.pack.identity_encoder
        view = _resized(crop, encoder.config.input_size)
        with torch.inference_mode():
            images = to_tensor([view]).to(self.device)
            code = restyle(encoder, self.pack.generator, images, dtype=self.dtype)[-1]
        motion = self.motion_codes([_resized(crop, self.pack.motion_encoder.config.input_size)])
        # Cloned outside inference mode: training code could not use its tensors.
        return Identity(
            code=code.clone().cpu(),
            motion=motion.clone().cpu(),
            crop=crop,
            inversion=self.decode(code)[0],
            quad=quad,
        )

    def identify(self, picture: np.ndarray, which: int | None = None) -> Identity:
        """Invert the face of a picture uint8 `[H, W, 3]` (E_i). Slow once, then `animate` is fast.

        `which` chooses among several faces, largest first. NoFaceFound, TooManyFaces.
        """
        face = find_face(picture, which)
        side = max(256, self.pack.identity_encoder.config.input_size)
        crop = align(picture, face.landmarks, side, 4 * side)
        return self._identity(crop, ffhq_quad(face.landmarks))

    def random_identity(self, seed: int, truncation: float = 0.7) -> Identity:
        """z -> w -> image -> ReStyle (paper, section 4.2): a person who does not exist.

        The same seed and truncation (0 .. 1, 1 is widest) give the same person.
        """
        if not 0 <= truncation <= 1:
            raise ValueError("truncation must lie between 0 and 1")
        generator = self.pack.generator
        rng = torch.Generator().manual_seed(int(seed))
        z = torch.randn(1, generator.config.z_dim, generator=rng).to(self.device)
        with torch.inference_mode():
            w = generator.mapping(z, truncation)
            picture = self.decode(generator.broadcast(w))[0]
        return self._identity(picture, None)

    def animate(
        self,
        identity: Identity,
        frames: Iterable[np.ndarray],
        *,
        fps: float = 25.0,
        pose: float = 1.0,
        expression: float = 1.0,
        relative: bool = False,
        steadiness: float = 0.5,
        batch_size: int = 8,
    ) -> Iterator[Animated]:
        """Drive `identity` with `frames` (uint8 `[H, W, 3]`); one result a frame, in order.

        `pose`, `expression`: strengths, 0 keeps the identity's own, 1 is the driver's. `relative`:
        the driver's change since its first face is added to the identity's own motion. Frames
        without a face repeat the last motion. `steadiness` 0 .. 1 smooths the crop over time.
        NoFaceFound at the end if no frame had a face.
        """
        crops = self._driving_crops(frames, fps, steadiness)
        with torch.inference_mode():
            own = identity.motion.to(self.device)
            rest = self.pack.mapper.identity_term(identity.code.to(self.device))
            rest = rest + self.pack.mapper.motion_term(own)
        first = None if relative else own  # the motion that a frame's is compared with
        last = rest
        seen = False
        while batch := list(islice(crops, batch_size)):
            found = [c for c in batch if c is not None]
            with torch.inference_mode():
                if found:
                    motion = self.motion_codes(found)
                    first = motion[:1] if first is None else first
                    change = self._scaled_change(motion - first, pose, expression)
                    codes = iter((rest + change).split(1))
                rows = []
                for crop in batch:
                    last = last if crop is None else next(codes)
                    rows.append(last)
                images = self.decode(torch.cat(rows))
            seen = seen or bool(found)
            for image, crop in zip(images, batch, strict=True):
                yield Animated(image, crop, crop is not None)
        if not seen:
            raise NoFaceFound(
                "No face was found in the driving frames: use a clip in which one face is seen "
                "from the front, well lit and at least 80 pixels wide."
            )

    def _scaled_change(self, motion: Tensor, pose: float, expression: float) -> Tensor:
        """What a change of motion does to the code of an identity, `[B, n_styles, style_dim]`.

        M is linear, so it is B times the change. Of that the pose's part is scaled by one strength
        and the rest by the other: the part that `pose_split` finds, else the coarse rows.
        """
        whole = self.pack.mapper.motion_term(motion)
        if self.pack.pose_split is not None:
            part = self.pack.pose_split(motion)
        else:
            part = whole.clone()
            part[:, self.pack.coarse_rows :] = 0
        return pose * part + expression * (whole - part)

    def _driving_crops(self, frames, fps, steadiness) -> Iterator[np.ndarray | None]:
        side = self.pack.motion_encoder.config.input_size
        tracker = FaceTracker(fps=fps, steadiness=steadiness)
        for frame in frames:
            face = tracker.update(frame)
            yield None if face is None else crop_quad(frame, ffhq_quad(face.landmarks), side)


def _resized(crop: np.ndarray, side: int) -> np.ndarray:
    """To `side` with PIL's antialiased bilinear filter, as ReStyle's preprocessing does."""
    if crop.shape[0] == side:
        return crop
    return np.asarray(Image.fromarray(crop).resize((side, side), Image.Resampling.BILINEAR))
