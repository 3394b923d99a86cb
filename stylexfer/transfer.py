"""The method, in memory: `FaceTransfer` holds the networks, an `Identity` all of one visitor.

    model = FaceTransfer.from_pretrained("default")
    identity = model.identify(picture)
    for frame in model.animate(identity, driving_frames):
        show(frame.image)

Pictures are uint8 `[H, W, 3]` here; tensors live inside.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import ModelHubMixin
from torch import Tensor

from stylexfer.errors import NoFaceFound, PackMismatch
from stylexfer.faces.align import align, crop_quad, ffhq_quad
from stylexfer.faces.detect import find_face, first_face
from stylexfer.faces.track import FaceTracker
from stylexfer.networks import ReStyleEncoder, restyle
from stylexfer.packs import Pack, load_pack, save_pack
from stylexfer.packs.hub import locate_pack
from stylexfer.tensors import device_and_dtype, resized, to_pictures, to_tensor

FFHQ_SIDE = 1024  # at which FFHQ and the paper's code align
_BATCH = 8  # frames at once, at most,
_BATCH_PIXELS = {"cpu": 8 * 256**2, "other": 4 * 1024**2}  # and pixels of results, by device


@dataclass(frozen=True)
class Identity:
    """The person who will be animated. Made by `identify` or `random_identity`; never changed.

    `code` and `motion` are `[1, n_styles, style_dim]` fp32 on the CPU: the W+ inversion E_i(t) and
    the own motion E_m(t) (a baseline: the code of the mirrored face). `crop` is the aligned face,
    `inversion` its reconstruction G(code), both uint8 `[S, S, 3]`. `quad` `[4, 2]` places the crop
    in the picture (None for a random identity).
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
        faithful: bool = False,
    ):
        """faithful: align every picture by itself at 1024 px, take the first face that dlib finds
        and compute in fp32, as the paper's released code (with its random noise off)."""
        self._check(pack)
        self.device, self.dtype = device_and_dtype(device, dtype, faithful)
        self.faithful = faithful
        self.pack = pack
        for network in pack.networks().values():
            network.to(self.device)
            if self.dtype == torch.float32:
                network.float()  # a pack may have been loaded for bf16

    @staticmethod
    def _check(pack: Pack) -> None:
        if pack.mapper is None or pack.motion_encoder is None:
            raise PackMismatch(
                f"The pack {pack.info.get('name')!r} has no motion encoder and mapper: use a "
                "baseline (--method psp or e4e; stylexfer.baseline.load_model), or another pack."
            )

    @property
    def method(self) -> str:
        """`transfer`, or the kind of baseline."""
        return self.pack.method

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path = "default",
        *,
        method: str = "transfer",
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        faithful: bool = False,
        **hub_options,
    ) -> "FaceTransfer":
        """A pack by its name in `checkpoints/`, by its folder, or by its Hub id (`user/pack`, or
        `user/pack@COMMIT` to pin it). `baseline.load_model` chooses the method by the pack.

        hub_options: `revision`, `token`, `cache_dir`, `force_download`, `local_files_only`.
        PackNotFound, PackMismatch.
        """
        # The mixin's own way would ask for a config.json first; a pack's numbers are in pack.json.
        folder = locate_pack(pretrained_model_name_or_path, method, **hub_options)
        device, dtype = device_and_dtype(device, dtype, faithful)
        return cls(load_pack(folder, method, dtype), device, dtype, faithful)

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

    @torch.inference_mode()
    def invert(self, crops: list[np.ndarray]) -> Tensor:
        """E_i of aligned crops (uint8, of any side), `[B, n_styles, style_dim]`."""
        encoder = self.pack.identity_encoder
        views = [resized(crop, encoder.config.input_size) for crop in crops]
        images = to_tensor(views).to(self.device)
        if isinstance(encoder, ReStyleEncoder):
            return restyle(encoder, self.pack.generator, images, dtype=self.dtype)[-1]
        with self._autocast():
            return encoder(images).float()

    def _own_motion(self, crop: np.ndarray) -> Tensor:
        """What `animate` has to know of the identity's own motion."""
        return self.motion_codes([resized(crop, self._view_side)])

    @property
    def _view_side(self) -> int:
        """Side of a driver's crop."""
        return self.pack.motion_encoder.config.input_size

    def _identity(self, crop: np.ndarray, quad: np.ndarray | None) -> Identity:
        code, motion = self.invert([crop]), self._own_motion(crop)
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
        if self.faithful and which is None:
            face = first_face(picture)
        else:
            face = find_face(picture, which)
        side = (
            FFHQ_SIDE if self.faithful else max(256, self.pack.identity_encoder.config.input_size)
        )
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
        batch_size: int | None = None,
    ) -> Iterator[Animated]:
        """Drive `identity` with `frames` (uint8 `[H, W, 3]`); one result a frame, in order.

        `pose`, `expression`: strengths, 0 keeps the identity's own, 1 is the driver's. `relative`:
        the driver's change since its first face is added to the identity's own motion. Frames
        without a face repeat the last motion. `steadiness` 0 .. 1 smooths the crop over time.
        `batch_size`: frames at once, None for what suits the pack's size and the device.
        NoFaceFound at the end if no frame had a face.
        """
        crops = self._driving_crops(frames, fps, steadiness)
        with torch.inference_mode():
            crops, rest, follow = self._follower(identity, crops, pose, expression, relative)
        last, seen = rest, False
        while batch := list(islice(crops, batch_size or self.batch_size)):
            found = [c for c in batch if c is not None]
            with torch.inference_mode():
                codes = iter(follow(found).split(1)) if found else iter(())
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

    @property
    def batch_size(self) -> int:
        """Frames at once: at 1024 px each takes some 0.3 GB (bf16) or 0.6 GB (fp32) of memory."""
        pixels = _BATCH_PIXELS["cpu" if self.device.type == "cpu" else "other"]
        return max(1, min(_BATCH, pixels // self.size**2))

    def _follower(
        self,
        identity: Identity,
        crops: Iterator[np.ndarray | None],
        pose: float,
        expression: float,
        relative: bool,
    ) -> tuple[Iterator[np.ndarray | None], Tensor, Callable[[list[np.ndarray]], Tensor]]:
        """(the crops, the code of the identity at rest, crops of the driver -> codes)."""
        own = identity.motion.to(self.device)
        rest = self.pack.mapper.identity_term(identity.code.to(self.device))
        rest = rest + self.pack.mapper.motion_term(own)
        first = None if relative else own  # the motion that a frame's is compared with

        def follow(found: list[np.ndarray]) -> Tensor:
            nonlocal first
            motion = self.motion_codes(found)
            first = motion[:1] if first is None else first
            return rest + self._scaled_change(motion - first, pose, expression)

        return crops, rest, follow

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
        side = self._view_side
        if self.faithful:
            for frame in frames:
                yield _faithful_crop(frame, side)
            return
        tracker = FaceTracker(fps=fps, steadiness=steadiness)
        for frame in frames:
            face = tracker.update(frame)
            yield None if face is None else crop_quad(frame, ffhq_quad(face.landmarks), side)


def _faithful_crop(frame: np.ndarray, side: int) -> np.ndarray | None:
    """As the released code cuts out a driver: FFHQ's alignment, then PIL's bilinear; None: no face."""
    try:
        landmarks = first_face(frame).landmarks
    except NoFaceFound:
        return None
    return resized(align(frame, landmarks, FFHQ_SIDE, 4 * FFHQ_SIDE), side)
