"""The renderer: a person and a state of the face in, a photograph and its ground truth out.

    renderer = Renderer(size=256)
    person = renderer.person(identity, hair, conditions)
    frame = renderer.frame(person, State(pose=(20.0, 0.0, 0.0)))

Kernels are NVIDIA Warp: `device` "cpu" (one core a process) or "cuda:0", from the same source.
"""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import warp as wp
from scipy.ndimage import gaussian_filter

from train.heads import bake
from train.heads.draw import Scene, develop, draw, meter
from train.heads.expressions import look
from train.heads.folds import FoldWeights, fold_weights
from train.heads.geometry import Camera, ffhq_crop, pose_strands
from train.heads.head import HeadModel, rotation
from train.heads.light import sky_radiance
from train.heads.params import Conditions, Hair, Identity, State
from train.heads.person import Person, set_up, solids
from train.heads.raster import Buffer
from train.heads.surface import Mat23, Posed

METER = 96  # px of the picture from which the exposure is set
CONVERGENCE = 0.9  # degrees that each eye turns inwards


@dataclass(frozen=True)
class Frame:
    """A picture and its truth.

    `image` uint8 [S, S, 3]; `mask` float32 [S, S], share of a pixel that is the person;
    `landmarks` float32 [68, 2] px; `pose` yaw, pitch, roll and `gaze` yaw, pitch in degrees;
    `coeffs` float32 [52], with eyeLook* from the gaze.
    """

    image: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    pose: tuple[float, float, float]
    gaze: tuple[float, float]
    coeffs: np.ndarray


class Renderer:
    """Draws people at `size` px, `supersample` squared samples a pixel."""

    def __init__(self, size: int = 256, supersample: int = 2, device: str = "cpu"):
        self.size, self.supersample, self.device = size, supersample, device
        self.head = HeadModel()
        self.shared = solids(self.head)
        self._buffers: dict[tuple[str, int], Buffer] = {}

    def person(self, identity: Identity, hair: Hair, conditions: Conditions) -> Person:
        """Set up a clip; the exposure and the place of the backdrop come from the neutral head."""
        person = set_up(self.head, self.shared, identity, hair, conditions, self.device)
        scene = self._pose(person, State())
        person.still = scene.crop
        person.gain = meter(person, draw(person, scene, METER, self._buffer))
        return person

    def frame(
        self,
        person: Person,
        state: State,
        align: Literal["ffhq", "still"] = "ffhq",
        margin: float = 1.0,
    ) -> Frame:
        """Draw one frame.

        `align`: "ffhq" cuts what FFHQ's alignment would cut for this frame's landmarks, "still"
        keeps the neutral head's square, as a camera on a stand does. `margin` widens the square.
        """
        scene = self._pose(person, state)
        crop = scene.crop if align == "ffhq" else person.still
        scene.crop = crop.wider(margin)
        layers = draw(person, scene, self.size * self.supersample, self._buffer)
        picture, mask = develop(person, scene, layers, self.size, self.supersample)
        seed = [person.identity.seed, person.conditions.seed, _checksum(state)]
        grain = np.random.default_rng(seed).standard_normal(picture.shape, dtype=np.float32)
        picture = gaussian_filter(picture, (person.conditions.blur, person.conditions.blur, 0))
        picture = picture + grain * np.float32(person.conditions.grain)
        return Frame(
            image=(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8),
            mask=mask,
            landmarks=scene.camera.pixels(scene.landmarks, scene.crop, self.size).astype(
                np.float32
            ),
            pose=state.pose,
            gaze=state.gaze,
            coeffs=self._looking(state),
        )

    def _looking(self, state: State) -> np.ndarray:
        """The state's coefficients with those of the lids' looking from the gaze."""
        coeffs = np.asarray(state.coeffs, np.float32)
        return look(self.head.actions, coeffs, np.asarray(state.gaze, np.float32))

    def _pose(self, person: Person, state: State) -> Scene:
        head, v = self.head, self.head.V
        coeffs = self._looking(state)
        turn = rotation(*state.pose)
        face = head.express(person.neutral, coeffs)
        bones = head.neck_transforms(face[v:], turn)
        top = bones[4]
        fine = head.smooth(head.pose(face, bones)).astype(np.float32)
        eyes, gazes = self._eyeballs(person, face, state.gaze, top)
        worn = np.einsum("nb,bij->nij", person.worn_bones, bones)
        worn = np.einsum("nij,nj->ni", worn[:, :, :3], person.worn) + worn[:, :, 3]
        vertices = np.concatenate([fine, *eyes, worn]).astype(np.float32)

        target = (face[v + 4] + face[v + 5]) / 2 @ top[:, :3].T + top[:, 3]
        camera = Camera(target.astype(np.float32), person.conditions.distance)
        landmarks = head.visible_landmarks(fine, state.pose[0], camera.position, person.landmarks)
        crop = ffhq_crop(camera.plane(landmarks))

        seen = sky_radiance(bake.DIRECTIONS @ top[:, :3].T, person.conditions)
        sky = np.ones_like(vertices)
        sky[: len(fine)] = head.smooth(person.visibility.share(seen))

        posed = self._posed(person, state, coeffs, face, camera, top, gazes)
        hair = None
        if person.strands is not None:
            s = person.strands
            moved = (face - person.neutral)[s.root_ids] * s.root_weights[..., None]
            hair = pose_strands(
                person.strand_points,
                moved.sum(1),
                person.strand_loose,
                s.points.shape[1],
                top,
                bones[2],
                rotation(-state.sway[0], -state.sway[1], 0.0),
            )
        return Scene(camera, crop, posed, vertices, sky, landmarks, top, hair)

    def _eyeballs(self, person: Person, face: np.ndarray, gaze: tuple[float, float], top):
        """World vertices of both eyeballs, and their rotations in the head's frame."""
        balls, gazes = [], []
        for k, inwards in enumerate((-CONVERGENCE, CONVERGENCE)):
            turn = rotation(gaze[0] + inwards, gaze[1], 0.0)
            local = self.shared.eyeball * person.eye_radius[k] @ turn.T
            local = local + face[self.head.V + 4 + k]
            balls.append(local @ top[:, :3].T + top[:, 3])
            gazes.append(turn)
        return balls, gazes

    def _posed(self, person, state, coeffs, face, camera, top, gazes) -> Posed:
        points = self.head.landmark_points(face)
        centres = face[self.head.V + 4 :][:2]
        posed = Posed()
        posed.camera = wp.vec3(*camera.position)
        posed.head_rotation, posed.head_shift = wp.mat33(top[:, :3]), wp.vec3(*top[:, 3])
        posed.lip_depth = float(points[[62, 66], 2].mean())
        weights = fold_weights(
            self.head.actions, coeffs, person.identity.complexion.wrinkles, person.phase
        )
        posed.folds, posed.creased = FoldWeights(*weights), float(weights[:-1].max())
        posed.eye_centre = Mat23(*centres.flatten().tolist())
        posed.eye_radius = wp.vec2(*person.eye_radius)
        # the lids' landmarks: 43, 44 above and 46, 47 below the left eye, 37, 38, 40, 41 the right
        upper = [points[[43, 44], 1].mean(), points[[37, 38], 1].mean()]
        lower = [points[[46, 47], 1].mean(), points[[40, 41], 1].mean()]
        posed.lid_upper = wp.vec2(*(np.array(upper) - centres[:, 1]))
        posed.lid_lower = wp.vec2(*(np.array(lower) - centres[:, 1]))
        posed.left_gaze, posed.right_gaze = wp.mat33(gazes[0]), wp.mat33(gazes[1])
        return posed

    def _buffer(self, name: str, side: int) -> Buffer:
        if (name, side) not in self._buffers:
            self._buffers[name, side] = Buffer(side, self.device)
        buffer = self._buffers[name, side]
        buffer.clear()
        return buffer


def _checksum(state: State) -> int:
    """Of the numbers of a state: its grain is its own, and the same on every machine."""
    numbers = np.concatenate([state.pose, state.gaze, state.coeffs, state.sway])
    return zlib.crc32(np.round(numbers * 1000).astype(np.int32).tobytes())
