"""The method, in memory: `FaceTransfer` holds the networks, an `Identity` all of one visitor.

    model = FaceTransfer.from_pretrained("default")
    identity = model.identify(picture)
    for frame in model.animate(identity, driving_frames):
        show(frame.image)

Pictures are uint8 `[H, W, 3]` here; tensors live inside.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import ModelHubMixin
from torch import Tensor

from stylexfer.coder import Coder
from stylexfer.driving import FFHQ_SIDE, Animated, View, faithful_views, followed_views, spread
from stylexfer.errors import NoFaceFound, PackMismatch
from stylexfer.faces.align import align, ffhq_quad
from stylexfer.faces.detect import find_face, first_face
from stylexfer.identity import Identity
from stylexfer.networks import FastGenerator
from stylexfer.packs import Pack, load_pack, save_pack
from stylexfer.packs.hub import locate_pack
from stylexfer.stages import ahead
from stylexfer.tensors import device_and_dtype, resized
from stylexfer.tuning import SECONDS, Step, planned_steps, strangers, tune, tuned_generator

LOOK_AHEAD = 64  # frames among which the best start is chosen,
_LOOKS = 16  # and how many of these, evenly spread, are compared


class FaceTransfer(
    Coder, ModelHubMixin, library_name="stylexfer", tags=["stylegan2", "face-reenactment"]
):
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
        self.faithful = faithful
        super().__init__(pack, *device_and_dtype(device, dtype, faithful))

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

    def _own_motion(self, crop: np.ndarray) -> Tensor:
        """What `animate` has to know of the identity's own motion."""
        return self.motion_codes([resized(crop, self.view_side)])

    @property
    def view_side(self) -> int:
        """Side of a driver's crop, in pixels."""
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

    def identify(
        self, picture: np.ndarray, which: int | None = None, tune: bool = False
    ) -> Identity:
        """Invert the face of a picture uint8 `[H, W, 3]` (E_i). Slow once, then `animate` is fast.

        `which` chooses among several faces, largest first. `tune`: as `tune` does, where that can be
        done, and however long that takes here. NoFaceFound, TooManyFaces.
        """
        if self.faithful and which is None:
            face = first_face(picture)
        else:
            face = find_face(picture, which)
        side = (
            FFHQ_SIDE if self.faithful else max(256, self.pack.identity_encoder.config.input_size)
        )
        crop = align(picture, face.landmarks, side, 4 * side)
        identity = self._identity(crop, ffhq_quad(face.landmarks))
        if tune and self.tuning_steps:
            *_, last = self.tune(identity, math.inf)
            identity = last.identity
        return identity

    @property
    def tuning_steps(self) -> int:
        """How many steps `tune` takes here; 0: it can't be done in a time worth while."""
        return planned_steps(self.pack.generator.config, self.device)

    def tune(self, identity: Identity, seconds: float = SECONDS) -> Iterator[Step]:
        """Make `identity` faithful to its picture: fine-tune a copy of the generator to it.

        A `Step` after each; that of the last has the tuned identity, which `animate` draws with its
        own weights (some 2 bytes a weight). The same identity gives the same on one device, unless
        `seconds` cut it short (`identity.tuning.steps` says so). See `stylexfer.tuning`.
        StylexferError where `tuning_steps` is 0.
        """
        return tune(self, identity, seconds)

    @cached_property
    def strangers(self) -> Tensor:
        """Motion codes of people of the pack's own, for `tune`."""
        return strangers(self)

    def generator_of(self, identity: Identity) -> FastGenerator | None:
        """What `decode` takes to draw a tuned identity; None for all others. Keep it: it is made."""
        if identity.tuning is None:
            return None
        tuned = tuned_generator(self.pack.generator, identity.tuning)
        return FastGenerator(tuned, self.dtype, self.device)

    def random_identity(self, seed: int, truncation: float = 0.7) -> Identity:
        """z -> w -> image -> ReStyle (paper, section 4.2): a person who does not exist.

        The same seed and truncation (0 .. 1, 1 is widest) give the same person.
        """
        return self.mixed_identity([(seed, truncation, 1.0)])

    def mixed_identity(self, parts: Iterable[tuple[int, float, float]]) -> Identity:
        """A person between random ones, each (seed, truncation, share): the mean of their w.

        In w and not in z, where the way between two people strays from both (paler than either).
        """
        generator, w = self.pack.generator, 0
        with torch.inference_mode():
            for seed, truncation, share in parts:
                if not 0 <= truncation <= 1:
                    raise ValueError("truncation must lie between 0 and 1")
                rng = torch.Generator().manual_seed(int(seed))
                z = torch.randn(1, generator.config.z_dim, generator=rng).to(self.device)
                w = w + share * generator.mapping(z, truncation)
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
        best_start: bool = False,
        steadiness: float = 0.5,
        batch_size: int | None = None,
    ) -> Iterator[Animated]:
        """Drive `identity` with `frames` (uint8 `[H, W, 3]`); one result a frame, in order.

        `pose`, `expression`: strengths, 0 keeps the identity's own, 1 is the driver's. `relative`:
        the driver's change since its first face is added to the identity's own motion; with
        `best_start`, its change since the face, of those in the first 64 frames, that is nearest
        to the identity in pose and expression. Frames without a face repeat the last motion.
        `steadiness` 0 .. 1 smooths the crop over time. `batch_size`: frames at once, None for what
        suits the pack's size and the device.

        `frames` are taken and looked at in a thread, a batch or two ahead of the results; to stop
        early, close this generator before what `frames` reads from.
        NoFaceFound at the end if no frame had a face.
        """
        size = batch_size or self.batch_size
        if self.faithful:
            views = faithful_views(frames, self.view_side)
        else:
            views = followed_views(frames, self.view_side, fps, steadiness)
        last = rest = self.rest_code(identity)
        generator = self.generator_of(identity)
        seen = False
        with closing(ahead(views, size)) as views:
            origin, views = self._origin(identity, views, relative, best_start)
            while batch := list(islice(views, size)):
                crops = [view.crop for view in batch if view]
                if crops:
                    motion = self.steered(identity, self.motion_codes(crops))
                    origin = motion[:1] if origin is None else origin
                    codes = iter((rest + self.change(motion - origin, pose, expression)).split(1))
                    seen = True
                rows = [last := next(codes) if view else last for view in batch]
                images = self.decode(torch.cat(rows), generator)
                for image, view in zip(images, batch, strict=True):
                    yield Animated(image, view)
        if not seen:
            raise NoFaceFound(
                "No face was found in the driving frames: use a clip in which one face is seen "
                "from the front, well lit and at least 80 pixels wide."
            )

    # A frame's code is rest_code + change(steered motion - origin), for one visitor or many at once.

    @torch.inference_mode()
    def rest_code(self, identity: Identity) -> Tensor:
        """The code of the identity in its own pose, M(E_i(t), E_m(t)), `[1, n_styles, style_dim]`."""
        still = self.pack.mapper.identity_term(identity.code.to(self.device))
        return still + self.pack.mapper.motion_term(identity.motion.to(self.device))

    @torch.inference_mode()
    def change(self, motion: Tensor, pose: float | Tensor, expression: float | Tensor) -> Tensor:
        """What a change of motion does to the code of an identity, both `[B, n_styles, style_dim]`.

        M is linear, so it is B times the change. Of that the pose's part is scaled by one strength
        and the rest by the other (numbers or `[B, 1, 1]`): the part that `pose_split` finds, else
        the coarse rows.
        """
        whole = self.pack.mapper.motion_term(motion)
        if self.pack.pose_split is not None:
            part = self.pack.pose_split(motion)
        else:
            part = whole.clone()
            part[:, self.pack.coarse_rows :] = 0
        return pose * part + expression * (whole - part)

    @torch.inference_mode()
    def steered(self, identity: Identity, motion: Tensor) -> Tensor:
        """A driver's motion codes `[B, n_styles, style_dim]`, as they have to be for the head of
        `identity` to turn as far: see `stylexfer.steering`. Those of the untuned are as they were."""
        if identity.tuning is None or identity.tuning.steering is None:
            return motion
        steering = identity.tuning.steering.to(motion)
        turns = self.pack.pose_split.read(motion)
        return motion + torch.einsum("bk,knd->bnd", turns, steering[:3]) + steering[3]

    def own_origin(self, identity: Identity, crops: list[np.ndarray]) -> Tensor | None:
        """The motion of a driver that leaves the identity as it is, `[1, n_styles, style_dim]`: the
        origin of absolute motion. Of `crops`, the driver's first, only a baseline makes use."""
        return identity.motion.to(self.device)

    _origin_needs_crops = False

    def _origin(
        self,
        identity: Identity,
        views: Iterator[View | None],
        relative: bool,
        best_start: bool,
    ) -> tuple[Tensor | None, Iterator[View | None]]:
        """(The motion with which each frame's is compared, None for the first face's; all views.)"""
        choose = relative and best_start
        looked = []
        if choose or (self._origin_needs_crops and not relative):
            looked = list(islice(views, LOOK_AHEAD))
        crops = [view.crop for view in looked if view]
        origin = None
        if choose and crops:
            motion = self.steered(identity, self.motion_codes(spread(crops, _LOOKS)))
            away = self.change(motion - self.own_origin(identity, crops), 1, 1)
            nearest = int(away.flatten(1).norm(dim=1).argmin())
            origin = motion[nearest : nearest + 1]
        elif not relative:
            origin = self.own_origin(identity, crops)
        return origin, chain(looked, views)
