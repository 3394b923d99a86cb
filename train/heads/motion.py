"""How heads move: talking tracks, independent random states, and hair that lags behind.

Signs and units are those of `params.State`. Everything is a function of the seed and of the
number of frames asked for; nothing depends on a camera or a person, so one motion can be shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.heads.expressions import (
    EXPRESSIONS,
    VISEMES,
    look,
    mirror_order,
    plausible,
    vector,
)
from train.heads.params import State

POSE_LIMIT = np.array([38.0, 22.0, 18.0])  # degrees: yaw, pitch, roll
GAZE_LIMIT = np.array([30.0, 18.0])

# A blink: about 0.1 s closing, the lids shut for 0.04 s, 0.15 s opening.
CLOSING, SHUT, OPENING = 0.10, 0.04, 0.15


@dataclass(frozen=True)
class Track:
    """Motion of one clip, frame by frame; the columns are the fields of `params.State`."""

    pose: np.ndarray  # [n, 3] float32
    gaze: np.ndarray  # [n, 2]
    coeffs: np.ndarray  # [n, 52]
    sway: np.ndarray  # [n, 2]

    def __len__(self) -> int:
        return len(self.pose)

    def state(self, k: int) -> State:
        pose, gaze, sway = (
            tuple(float(x) for x in track[k]) for track in (self.pose, self.gaze, self.sway)
        )
        return State(pose, gaze, self.coeffs[k].copy(), sway)


def smooth_noise(rng: np.random.Generator, n: int, fps: float, seconds: float, k: int):
    """`[n, k]` tracks of zero mean and unit deviation, correlated over `seconds`."""
    width = max(seconds * fps, 1.0)
    pad = int(4 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-pad, pad + 1) / width) ** 2)
    kernel /= np.sqrt((kernel**2).sum())
    white = rng.normal(size=(n + 2 * pad, k))
    return np.stack([np.convolve(white[:, i], kernel, "valid")[:n] for i in range(k)], axis=1)


def soft_limit(x: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """x, bent towards +-limit: a head that turns far slows down, it does not hit a wall."""
    return limit * np.tanh(x / limit)


def smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def blur(track: np.ndarray, fps: float, seconds: float) -> np.ndarray:
    """`[n, k]` tracks under a Gaussian of that standard deviation."""
    width = seconds * fps
    reach = max(1, int(np.ceil(3 * width)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(track, ((reach, reach), (0, 0)), mode="edge")
    return np.stack(
        [np.convolve(padded[:, i], kernel, "valid") for i in range(track.shape[1])], axis=1
    )


def pose_track(rng: np.random.Generator, n: int, fps: float) -> np.ndarray:
    """Pose `[n, 3]`: slow turns, small quick movements, a resting pose of its own."""
    rest = rng.normal(size=3) * np.array([9.0, 4.0, 2.0])
    slow = smooth_noise(rng, n, fps, 0.9, 3)
    quick = smooth_noise(rng, n, fps, 0.22, 3)
    lively = np.array([14.0, 7.0, 4.0]) * rng.uniform(0.5, 1.1)
    return soft_limit(rest + (slow + 0.22 * quick) * lively, POSE_LIMIT)


def affect_track(rng, actions: Sequence[str], n: int, fps: float) -> np.ndarray:
    """Coefficients `[n, 52]` of moods that come and go, each with a stronger side."""
    moods = [m for m in EXPRESSIONS if m not in ("eyes closed", "half closed", "tongue")]
    left = np.array([a.endswith("Left") for a in actions])
    order = mirror_order(actions)
    out = np.zeros((n, len(actions)))
    before, start = np.zeros(len(actions)), 0
    while start < n:
        length = max(1, int(fps * rng.uniform(0.7, 2.2)))
        mood = np.zeros(len(actions))
        if rng.random() < 0.7:
            mood = vector(actions, EXPRESSIONS[moods[rng.integers(len(moods))]])
            mood = mood * rng.uniform(0.4, 1.0)
            mood[left] *= 1 - min(0.8, abs(rng.normal(0, 0.25)))
            mood = mood[order] if rng.random() < 0.5 else mood
        seconds = np.arange(min(length, n - start)) / fps
        mix = smoothstep(seconds / rng.uniform(0.2, 0.5))[:, None]
        out[start : start + length] = before * (1 - mix) + mood * mix
        before, start = mood, start + length
    return out


def babble_track(rng, actions: Sequence[str], n: int, fps: float) -> np.ndarray:
    """Coefficients `[n, 52]` of speech without words: 6 to 9 sounds a second, and pauses."""
    shapes = np.stack([vector(actions, shape) for shape in VISEMES.values()])
    out = np.zeros((n, len(actions)))
    start = 0.0
    while start < n:
        if rng.random() < 0.2:
            start += fps * rng.uniform(0.2, 0.9)
        for _ in range(rng.integers(4, 16)):
            stop = start + fps / rng.uniform(6, 9)
            out[int(start) : int(stop)] = shapes[rng.integers(len(shapes))] * rng.uniform(0.5, 1.15)
            start = stop
    return blur(out, fps, 0.045) * rng.uniform(0.5, 1.0)


def blink(seconds: np.ndarray, shut: float = SHUT, slow: float = 1.0) -> np.ndarray:
    """Lid closure in [0, 1] at `seconds` after the lids begin to fall."""
    closed, opened = CLOSING * slow, CLOSING * slow + shut
    return smoothstep(seconds / closed) * (1 - smoothstep((seconds - opened) / (OPENING * slow)))


def lid_track(rng: np.random.Generator, n: int, fps: float, lively: float = 1.0) -> np.ndarray:
    """eyeBlinkLeft, eyeBlinkRight `[n, 2]`: 15 to 20 blinks a minute that close completely.

    One in seven is double, one in sixteen stays shut for 0.4 to 1.5 s, one in twenty is a wink;
    now and then the lids hang for a while. `lively` 0 leaves the plain blinks alone.
    """
    time = np.arange(n) / fps
    lids = np.zeros((n, 2))
    shut = max(SHUT, 1.02 / fps)  # at least one frame finds them closed
    start = rng.uniform(0, 3.0)
    while start * fps < n:
        kind = rng.random()
        both = np.ones(2)
        if kind < 0.14:
            curve = np.maximum(
                blink(time - start, shut), blink(time - start - rng.uniform(0.32, 0.45), shut)
            )
        elif kind < 0.14 + 0.06 * lively:
            curve = blink(time - start, rng.uniform(0.4, 1.5), rng.uniform(1, 2))
        elif kind < 0.14 + 0.11 * lively:
            curve = blink(time - start, rng.uniform(0.15, 0.5), 1.3)
            both[rng.integers(2)] = rng.uniform(0, 0.2)
        elif kind < 0.14 + 0.16 * lively:
            curve = rng.uniform(0.3, 0.7) * blink(time - start, rng.uniform(0.8, 2.5), 3.0)
        else:
            curve = blink(time - start, shut)
        lids = np.maximum(lids, curve[:, None] * both)
        start += 0.5 + rng.exponential(2.8)
    return lids


def gaze_track(rng: np.random.Generator, pose: np.ndarray, fps: float) -> np.ndarray:
    """Gaze `[n, 2]` in the head's frame: fixations joined by saccades of one or two frames.

    Half of the time the eyes hold the camera and turn against the head.
    """
    n = len(pose)
    fixed, follow = np.zeros((n, 2)), np.zeros((n, 1))
    hold = rng.uniform(0.5, 1.0)
    start = 0
    while start < n:
        stop = start + int(fps * rng.uniform(0.3, 1.6)) + 1
        if rng.random() < 0.5:
            follow[start:stop] = hold
        else:
            fixed[start:stop] = rng.normal(size=2) * np.array([12.0, 6.5])
        start = stop
    gaze = blur(fixed - follow * pose[:, :2], fps, 0.016)
    return soft_limit(gaze + 0.25 * smooth_noise(rng, n, fps, 0.1, 2), GAZE_LIMIT)


def hair_sway(pose: np.ndarray, fps: float, hertz: float = 1.2, damping: float = 0.22):
    """Degrees of yaw and pitch `[n, 2]` by which loose hair is off the head, a damped spring.

    In the head's frame the hair feels the head's angular acceleration with the sign turned.
    """
    if len(pose) < 2:
        return np.zeros((len(pose), 2))
    steps = max(1, int(np.ceil(200 / fps)))
    dt = 1 / (fps * steps)
    acceleration = np.gradient(np.gradient(pose[:, :2], 1 / fps, axis=0), 1 / fps, axis=0)
    omega = 2 * np.pi * hertz
    offset, speed = np.zeros(2), np.zeros(2)
    out = np.zeros((len(pose), 2))
    for k in range(len(pose)):
        out[k] = offset
        for _ in range(steps):
            force = -acceleration[k] - omega**2 * offset - 2 * damping * omega * speed
            speed = speed + dt * force
            offset = offset + dt * speed
    return soft_limit(out, np.array([14.0, 10.0]))


def talking_track(
    actions: Sequence[str],
    n: int,
    fps: float = 25.0,
    seed: int = 0,
    speech: np.ndarray | None = None,
) -> Track:
    """`n` >= 1 frames of somebody talking. `speech` `[n, 52]`: mouth shapes to say instead of babble.

    With `speech` it is somebody who presents: facing the camera, with weaker moods, and lids that
    only blink.
    """
    rng = np.random.default_rng([seed, 41])
    pose = pose_track(rng, n, fps)
    if speech is not None:
        pose = pose - 0.8 * pose.mean(axis=0)
    affect = affect_track(rng, actions, n, fps)
    babble = babble_track(rng, actions, n, fps)
    lids = lid_track(rng, n, fps, lively=1.0 if speech is None else 0.0)
    gaze = gaze_track(rng, pose, fps)
    mouth = np.array([a.startswith(("mouth", "jaw", "tongue", "cheekPuff")) for a in actions])
    spoken = babble if speech is None else speech
    # a mouth that speaks has less room for its mood
    busy = blur(spoken[:, mouth].max(axis=1, keepdims=True), fps, 0.15)
    affect[:, mouth] *= 1 - np.clip(1.2 * busy, 0, 0.75)
    coeffs = (1.0 if speech is None else 0.35) * affect + spoken
    for column, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
        place = list(actions).index(name)
        coeffs[:, place] = np.maximum(coeffs[:, place], lids[:, column])
    coeffs = look(actions, plausible(actions, coeffs), gaze)
    sway = hair_sway(pose, fps)
    return Track(*(x.astype(np.float32) for x in (pose, gaze, coeffs, sway)))


def _one_action(rng, actions: Sequence[str], out: np.ndarray) -> None:
    """A single action, or it and its twin of the other side, up to the full."""
    free = [i for i, a in enumerate(actions) if not a.startswith("eyeLook")]
    place = free[rng.integers(len(free))]
    value = rng.uniform(0.3, 1.0)
    out[place] = max(out[place], value)
    name = actions[place]
    if name == "mouthClose":
        out[list(actions).index("jawOpen")] = value
    elif rng.random() < 0.5 and name not in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        out[mirror_order(actions)[place]] = value


def random_state(actions: Sequence[str], seed: int, yaw_limit: float = 35.0) -> State:
    """One state that owes nothing to any other: all poses and all 52 actions are covered.

    Of the mouths and brows 45 % are a named expression, 20 % one action alone, 20 % several,
    15 % neutral; a third speak as well. Of the lids 12 % are shut, 6 % wink, 9 % hang; on faces
    turned far it is fewer, and these nod, tilt and grimace less.
    """
    rng = np.random.default_rng([seed, 43])
    coeffs = np.zeros(len(actions), np.float32)
    kind = rng.random()
    if kind < 0.45:
        names = list(EXPRESSIONS)
        chosen = vector(actions, EXPRESSIONS[names[rng.integers(len(names))]])
        coeffs += chosen * rng.uniform(0.4, 1.0)
        if rng.random() < 0.4:
            coeffs[[a.endswith("Left") for a in actions]] *= rng.uniform(0.2, 1.0)
        coeffs = coeffs[mirror_order(actions)] if rng.random() < 0.5 else coeffs
    elif kind < 0.85:
        for _ in range(1 if kind < 0.65 else rng.integers(2, 5)):
            _one_action(rng, actions, coeffs)
    if rng.random() < 0.35 and not 0.45 <= kind < 0.65:
        shape = VISEMES[list(VISEMES)[rng.integers(len(VISEMES))]]
        coeffs += vector(actions, shape) * rng.uniform(0.4, 1.1)
    if rng.random() < 0.06:  # wide open
        coeffs[list(actions).index("jawOpen")] = rng.uniform(0.6, 1.0)
    lids = [list(actions).index("eyeBlink" + side) for side in ("Left", "Right")]
    pose = np.array([rng.uniform(-yaw_limit, yaw_limit), rng.normal(0, 8), rng.normal(0, 6)])
    turned = (pose[0] / yaw_limit) ** 2
    pose[1:] *= 1 - 0.5 * turned
    coeffs *= 1 - 0.35 * turned
    kind = rng.random() / (1.25 - 0.8 * turned)
    if kind < 0.12:
        coeffs[lids] = 1.0
    elif kind < 0.18:
        one = rng.integers(2)
        coeffs[lids[one]], coeffs[lids[1 - one]] = 1.0, rng.uniform(0, 0.2)
    elif kind < 0.27:
        coeffs[lids] = rng.uniform(0.25, 0.9)
    pose[1:] = soft_limit(pose[1:], np.array([20.0, 18.0]))
    gaze = rng.normal(0, [10, 8]) - rng.choice([0.0, 0.8], p=[0.5, 0.5]) * pose[:2]
    gaze = soft_limit(gaze, GAZE_LIMIT)
    coeffs = look(actions, plausible(actions, coeffs), gaze)
    sway = rng.normal(0, 2, 2)
    return State(
        tuple(float(x) for x in pose),
        tuple(float(x) for x in gaze),
        coeffs.astype(np.float32),
        tuple(float(x) for x in sway),
    )
