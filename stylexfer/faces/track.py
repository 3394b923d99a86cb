"""Follow one face through a clip: landmarks every frame, the slow detector only now and then."""

import math
from dataclasses import dataclass

import numpy as np

from stylexfer.faces.detect import FAINT_SCORE, detect_boxes, find_landmarks

Box = tuple[int, int, int, int]

# Long sides, in pixels, on which a face is looked for: always the first, about 7 ms; the others,
# which see smaller faces, when that fails, but not on every frame of a clip without a face.
_QUICK_LOOK = 320
_THOROUGH_LOOKS = (640, 1280)
_THOROUGH_EVERY = 0.5  # seconds
_THOROUGH_SCORE = 0.3  # larger pictures show more patterns that look like faces

# A track is checked by the detector on the face's surroundings, scaled so that the face has
# this many pixels, and with a threshold that lets it see faces turned aside.
_CHECK_EVERY = 0.2  # seconds
_CHECK_FACE = 100
_CHECK_MARGIN = 0.6  # of the face's side, all round
_CHECK_SCORE = -0.4
_SAME_FACE = 0.3  # least overlap, intersection over union, of the track and what the check saw
_DRIFT = 0.03  # face sides of mean difference in landmarks after which the check's are taken

_CUT = 25.0  # grey levels of mean change between frames that are a cut, not a movement
_JUMP = 0.4  # face sides that no head moves from one frame to the next
_GROWTH = 1.35  # nor does it grow or shrink by this factor
_SWIFT = 0.06  # face sides that the landmarks move only if the head is quick, or the fit went wrong

# dlib's box, from the landmarks it leads to. Its side is so much of the geometric mean of their
# extents; its centre lies so many sides above theirs, and is drawn towards the middle of eyes,
# nose and mouth as the head turns. Least squares on seven clips of talking heads and 23 portraits.
_BOX_SIDE = 1.10
_BOX_RISE = 0.08
_BOX_TURN = 0.8


@dataclass(frozen=True)
class TrackedFace:
    """The followed face in one frame, in that frame's pixels."""

    landmarks: np.ndarray  # float64 [68, 2], x and y, smoothed
    box: Box
    restarted: bool  # no track before this frame: the clip's first face, a cut, or found again


class OneEuroFilter:
    """Steady when the face is still, prompt when it moves (Casiez et al., CHI 2012).

    One cut-off frequency for all points, from the median speed, so that a face is not bent.
    """

    _SPEED_CUTOFF = 1.0  # Hz, the paper's
    _BETA = 7.0  # Hz of cut-off for each face side a second

    def __init__(self, fps: float, steadiness: float):
        """steadiness: 0 passes points unchanged; up to 1, a still face is smoothed at 0.3 Hz."""
        self._fps = fps
        self._lowest = 3.0 * 0.1**steadiness if steadiness else math.inf
        self._last: np.ndarray | None = None

    def _keep(self, cutoff: float) -> float:
        """The weight of the new value in exponential smoothing."""
        return 1.0 / (1.0 + self._fps / (2 * math.pi * cutoff))

    def reset(self) -> None:
        self._last = None

    def __call__(self, points: np.ndarray, scale: float) -> np.ndarray:
        """points: [N, 2]; scale: side of the face in the same unit. Returns float64 [N, 2]."""
        points = np.asarray(points, dtype=np.float64)
        if self._last is None or math.isinf(self._lowest):
            self._speed = np.zeros_like(points)
            self._last = points
            return points
        speed = (points - self._last) * self._fps / scale
        self._speed += self._keep(self._SPEED_CUTOFF) * (speed - self._speed)
        moving = float(np.median(np.hypot(*self._speed.T)))
        keep = self._keep(self._lowest + self._BETA * moving)
        self._last = self._last + keep * (points - self._last)
        return self._last


def box_of(landmarks: np.ndarray) -> Box:
    """The box that dlib's detector would draw around a face with these landmarks, [68, 2]."""
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = _BOX_SIDE * math.sqrt(max(1.0, float(np.prod(high - low))))
    x, y = (low + high) / 2
    x += _BOX_TURN * (landmarks[17:, 0].mean() - x)
    y -= _BOX_RISE * side
    return (round(x - side / 2), round(y - side / 2), round(x + side / 2), round(y + side / 2))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / either if either else 0.0


class FaceTracker:
    """Follows one face. It has the state of one clip of one visitor: make a new one for each."""

    def __init__(self, fps: float = 25.0, steadiness: float = 0.5):
        """fps: of the frames to come; steadiness: 0 (raw landmarks) to 1, see OneEuroFilter."""
        self._smooth = OneEuroFilter(float(fps), steadiness)
        self._check_every = max(1, round(float(fps) * _CHECK_EVERY))
        self._thorough_every = max(1, round(float(fps) * _THOROUGH_EVERY))
        self._raw: np.ndarray | None = None  # landmarks of the frame before, int64 [68, 2]
        self._glance: np.ndarray | None = None  # a few pixels of it
        self._until_check = 0
        self._until_thorough = 0

    def update(self, frame: np.ndarray) -> TrackedFace | None:
        """The face in the next frame, uint8 [H, W, 3], or None if it shows none.

        At first and after a cut that is the largest face, later the one followed so far.
        """
        if self._is_cut(frame):
            self._raw = None
            self._until_thorough = 0
        known = None if self._raw is None else box_of(self._raw)
        landmarks = None if known is None else self._follow(frame, known)
        restarted = landmarks is None
        if landmarks is None and (box := self._search(frame, near=known)) is not None:
            landmarks = find_landmarks(frame, box)
        self._raw = landmarks
        if landmarks is None:
            return None
        box = box_of(landmarks)
        if restarted:
            # A face lost for a moment and found in its old place goes on smoothly.
            if known is None or overlap(known, box) < _SAME_FACE:
                self._smooth.reset()
            else:
                restarted = False
            self._until_check = self._check_every
        return TrackedFace(self._smooth(landmarks, box[2] - box[0]), box, restarted)

    def _is_cut(self, frame: np.ndarray) -> bool:
        step = [max(1, side // 32) for side in frame.shape[:2]]
        before, self._glance = self._glance, frame[:: step[0], :: step[1]].astype(np.int16)
        if before is None or before.shape != self._glance.shape:
            return True
        return float(np.abs(self._glance - before).mean()) > _CUT

    def _follow(self, frame: np.ndarray, box: Box) -> np.ndarray | None:
        """Landmarks from the last place, or None if the face is not there any more."""
        height, width = frame.shape[:2]
        was = box[2] - box[0]
        landmarks = find_landmarks(frame, box)
        self._until_check -= 1
        if self._until_check <= 0 or np.abs(landmarks - self._raw).mean() > _SWIFT * was:
            self._until_check = self._check_every
            seen = self._check(frame, box)
            if seen is None or overlap(box, seen) < _SAME_FACE:
                return None  # gone, or the track has slid off it
            # Either box may be the worse one. Each frame's follows from the last, so that an
            # error of the track would stay: go half the way, and look again at the next frame.
            if np.abs(find_landmarks(frame, seen) - landmarks).mean() > _DRIFT * was:
                middle = tuple((a + b) // 2 for a, b in zip(box, seen, strict=True))
                landmarks = find_landmarks(frame, middle)
                self._until_check = 1
        now = box_of(landmarks)
        side = now[2] - now[0]
        moved = math.hypot(now[0] + now[2] - box[0] - box[2], now[1] + now[3] - box[1] - box[3]) / 2
        centre = landmarks.mean(axis=0)
        inside = 0 <= centre[0] < width and 0 <= centre[1] < height
        plausible = moved < _JUMP * was and was / _GROWTH < side < was * _GROWTH
        return landmarks if inside and plausible else None

    def _check(self, frame: np.ndarray, box: Box) -> Box | None:
        """What the detector sees in and around `box`, if anything."""
        height, width = frame.shape[:2]
        side = box[2] - box[0]
        margin = round(_CHECK_MARGIN * side)
        left, top = max(0, box[0] - margin), max(0, box[1] - margin)
        right, bottom = min(width, box[2] + margin), min(height, box[3] + margin)
        if right - left < 8 or bottom - top < 8:
            return None
        around = frame[top:bottom, left:right]
        long = max(1, round(max(around.shape[:2]) * _CHECK_FACE / side))
        seen = [
            (score, (inner[0] + left, inner[1] + top, inner[2] + left, inner[3] + top))
            for score, inner in detect_boxes(around, long, _CHECK_SCORE)
        ]
        same = [found for found in seen if overlap(box, found[1]) >= _SAME_FACE]
        return max(same or seen)[1] if seen else None

    def _search(self, frame: np.ndarray, near: Box | None) -> Box | None:
        """Look at the whole frame for the face at `near`, or the largest."""
        long = max(frame.shape[:2])
        found = detect_boxes(frame, min(long, _QUICK_LOOK))
        self._until_thorough -= 1
        if not found and self._until_thorough <= 0:
            self._until_thorough = self._thorough_every
            for side in _THOROUGH_LOOKS:
                if found := detect_boxes(frame, min(2 * long, side), _THOROUGH_SCORE):
                    break
        if not found:
            return None
        best = max(score for score, _ in found)
        boxes = [box for score, box in found if score >= FAINT_SCORE * best]
        if near is not None:
            return max(boxes, key=lambda box: (overlap(near, box), box[2] - box[0]))
        return boxes[0]
