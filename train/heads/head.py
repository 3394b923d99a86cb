"""The parametric head: shape of a person, facial actions, pose of head and neck, smoothing.

Coarse vertices are V rows followed by J joints (`asset.JOINTS`); the fine mesh that is drawn is
one Catmull-Clark step of them, and its first V vertices are the coarse ones, moved.
Axes: cm, +X the subject's left, +Y up, +Z out of the face.
"""

import math

import numpy as np

from train.heads import chart
from train.heads.asset import AGES, ANCESTRIES, MUSCLES, PARTS, WEIGHTS, Asset, load_asset
from train.heads.landmarks import BROWS, Attached, attach, attach_brows, template_points
from train.heads.lids import close_lids, find_lids
from train.heads.mouth import SHUT, close_lips, find_mouth, fit_teeth, retreat
from train.heads.params import Brows, Shape
from train.heads.subdivide import catmull_clark

BODY, TONGUE, EYE, LASH_LOWER, LASH_UPPER, TEETH = range(6)  # of `HeadModel.part`
AGE_STOPS = (-0.5, 0.0, 0.5, 1.0)  # of AGES: about 1, 10, 25 and 80 years
CHEEK_SPREAD = 1.1  # cm
NECK_SHARE = (0.12, 0.30, 0.55, 1.0)  # of the head's rotation at neck01, neck02, neck03, head


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation [3, 3] of a head, angles in degrees.

    yaw > 0: the subject turns to its left (image right); pitch > 0: looks up; roll > 0: tilts
    clockwise for the viewer.
    """
    y, p, r = math.radians(yaw), math.radians(-pitch), math.radians(-roll)
    cy, sy, cp, sp, cr, sr = *_cs(y), *_cs(p), *_cs(r)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return (about_y @ about_x @ about_z).astype(np.float32)


def _cs(a: float) -> tuple[float, float]:
    return math.cos(a), math.sin(a)


def _rotation_vector(r: np.ndarray) -> np.ndarray:
    """Axis times angle [3] of a rotation by less than 180 degrees."""
    angle = math.acos(min(1.0, max(-1.0, (float(np.trace(r)) - 1) / 2)))
    w = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]], np.float64)
    return w * (0.5 if angle < 1e-4 else angle / (2 * math.sin(angle)))


def _rotation_of(w: np.ndarray) -> np.ndarray:
    """Rotation [3, 3] of an axis times angle [3] (Rodrigues)."""
    angle = float(np.linalg.norm(w))
    if angle < 1e-8:
        return np.eye(3)
    x, y, z = w / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * k @ k


class HeadModel:
    """A head of V coarse vertices and V2 fine ones, F triangles to draw and J joints."""

    def __init__(self, asset: Asset | None = None):
        a = asset or load_asset()
        self.n_joints = len(a.base) - len(a.weights)
        self.V = len(a.weights)
        self.base = a.base.copy()  # [V + J, 3], the template
        self.weights = a.weights  # [V, 5]: static, neck01, neck02, neck03, head
        self.lips = a.lips  # [H, W] uint8 over MakeHuman's UV square
        self._deltas = a.deltas.astype(np.float32)
        self._row = {str(n): i for i, n in enumerate(a.names)}
        names = [str(n) for n in a.names]
        self.actions = [n.removeprefix("action:") for n in names if n.startswith("action:")]
        self.locals = sorted({n[7:] for n in names if n.startswith("local")})
        self.asym = [n.removeprefix("asym:") for n in names if n.startswith("asym:")]
        self._action_deltas = self._deltas[[self._row["action:" + n] for n in self.actions]]

        order = list(PARTS)
        eye = a.part == order.index("eye")
        self.eye_ids = _sided(a, "eye")  # left, right; not drawn: the eyeball is a sphere
        teeth = [
            np.unique(a.quads[a.part == order.index(f"teeth_{r}")]) for r in ("upper", "lower")
        ]
        self.teeth_ids = np.concatenate(teeth)
        self.upper_teeth_ids, self.lower_teeth_ids = teeth
        lashes = [_sided(a, k) for k in ("lash_upper", "lash_lower")]
        quads, uv_quads = a.quads[~eye], a.uv_quads[~eye]
        part = np.minimum(a.part[~eye], TEETH)
        body = part == BODY
        self.coarse_faces = triangles(quads[body])  # of the skin
        self.lids = [
            find_lids(
                self.base,
                self.coarse_faces,
                self.eye_ids[k],
                self.V + 4 + k,
                (lashes[0][k], lashes[1][k]),
            )
            for k in (0, 1)
        ]  # left, right
        # lids are closed by `lids.py`: MakeHuman's blend shape fits one opening of the eye only
        self._blink = [self.actions.index("eyeBlink" + side) for side in ("Left", "Right")]
        self._squint = [
            [self.actions.index(name + side) for name in ("eyeSquint", "cheekSquint")]
            for side in ("Left", "Right")
        ]
        fine = catmull_clark(quads, uv_quads, a.uv, self.V)
        self._smooth = fine.matrix
        self.mouth = find_mouth(self.base, self.coarse_faces, fine.matrix, teeth)
        uv = a.uv[uv_quads].mean(1)
        retreat(self.base, self.mouth, np.unique(quads[body & self._in_mouth(uv)]))
        self._shut_mouth()
        self._soften_cheeks()
        self.faces = triangles(fine.quads)  # [F, 3] int32
        self.part = np.tile(part[fine.parent], 2)  # [F] int8
        uv = np.concatenate([fine.uv[:, [0, 1, 2]], fine.uv[:, [0, 2, 3]]])
        skin, centre = self.part == BODY, uv.mean(1)
        self.cavity = skin & self._in_mouth(centre)  # [F]
        self.template = self.smooth(self.base[: self.V])  # [V2, 3]
        # [F, 3, 2] in [0, 1], v up, and [F] bool: the faces that have a place in the chart
        self.corner_uv, self.head_chart = chart.unwrap(
            uv, self.template[self.faces], skin & ~self.cavity
        )
        self.landmark_ids, self.landmark_weights = attach(
            template_points(), a.base[: self.V], self.coarse_faces
        )
        nearest = self.landmark_weights.argmax(1)
        self.landmarks = self.landmark_ids[np.arange(68), nearest]  # [68] nearest vertices
        self._jaw_rings = self._find_jaw_rings()

    @staticmethod
    def _in_mouth(uv: np.ndarray) -> np.ndarray:
        """Which faces of the skin, by the middle of their UV [F, 2], line the mouth."""
        return (uv[:, 0] > 0.72) & (uv[:, 1] <= chart.HEAD_UV[1])

    def _shut_mouth(self) -> None:
        """Let the template's lips touch, at rest and in the actions that do not part them."""
        close_lips(self.base, self.mouth)
        for delta, name in zip(self._action_deltas, self.actions, strict=True):
            if name.startswith(SHUT):
                v = self.base + delta
                close_lips(v, self.mouth)
                delta[:] = v - self.base

    def _soften_cheeks(self) -> None:
        """Spread the action cheekSquint, which pushes up a sharp ridge under the eye."""
        for _, cheek in self._squint:
            delta = self._action_deltas[cheek, : self.V]
            ids = np.flatnonzero(np.abs(delta).max(1) > 1e-3)
            p = self.base[ids]
            squared = ((p[:, None] - p[None]) ** 2).sum(-1)
            near = np.exp(-0.5 * squared / CHEEK_SPREAD**2)
            delta[ids] = (near @ delta[ids]) / near.sum(1, keepdims=True)

    def has_negative(self, slider: str) -> bool:
        """Whether a slider runs from -1 (else from 0) to 1."""
        return "local-:" + slider in self._row

    def smooth(self, v: np.ndarray) -> np.ndarray:
        """Coarse vertices [V, 3] -> fine ones [V2, 3]. Any channels: [V, C] -> [V2, C]."""
        return self._smooth @ v

    def neutral(self, shape: Shape) -> np.ndarray:
        """Coarse vertices and joints [V + J, 3] of a person at rest.

        The middle between the eyes is where the template's is, whatever the person's height.
        """
        weights = _macro_weights(shape)
        for name, x in shape.local.items():
            weights[("local+:" if x >= 0 else "local-:") + name] = abs(x)
        for name, x in shape.asymmetry.items():
            weights["asym:" + name] = x
        for side in ("Left", "Right"):
            weights["action:eyeWide" + side] = shape.lid_lift
            weights["action:mouthSmile" + side] = shape.rest_smile
            weights["action:browDown" + side] = max(0.0, shape.rest_frown)
            weights["action:browOuterUp" + side] = 0.6 * max(0.0, -shape.rest_frown)
        weights["action:browInnerUp"] = max(0.0, -shape.rest_frown)
        rows = [(self._row[n], w) for n, w in weights.items() if w and n in self._row]
        index, values = zip(*rows, strict=True)
        v = self.base + _combine(np.array(values, np.float32), self._deltas[list(index)])
        v += (self.base[self.V + 4 :] - v[self.V + 4 :]).mean(0)
        close_lips(v, self.mouth)
        fit_teeth(v, self.base, self.mouth)
        return v

    def express(self, neutral: np.ndarray, coeffs: np.ndarray) -> np.ndarray:
        """`neutral` [V + J, 3] with the facial actions `coeffs` [52] in [0, 1].

        Three are not linear: eyeBlink 1 shuts the eye whatever else is on, and mouthClose acts
        only as far as jawOpen.
        """
        linear = np.array(coeffs, np.float32)
        linear[self._blink] = 0
        # mouthClose undoes what jawOpen does to the lips, and nothing more
        close, opened = self.actions.index("mouthClose"), self.actions.index("jawOpen")
        linear[close] = min(linear[close], linear[opened])
        on = np.flatnonzero(linear)
        v = neutral.copy()
        if len(on):
            v += _combine(linear[on], self._action_deltas[on])
        for lids, blink, (squint, cheek) in zip(self.lids, self._blink, self._squint, strict=True):
            narrow = min(1.0, float(coeffs[squint] + 0.5 * coeffs[cheek]))
            close_lids(v, lids, float(coeffs[blink]), narrow)
        return v

    def neck_transforms(self, joints: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Transforms [5, 3, 4] of static, neck01, neck02, neck03, head for a head rotation `r`.

        `joints` [J, 3] are those of the person. The last transform is rigid: x -> r x + t.
        """
        w = _rotation_vector(r)
        out = [np.eye(3, 4)]
        turn, shift, before = np.eye(3), np.zeros(3), 0.0
        for joint, share in zip(joints.astype(np.float64), NECK_SHARE, strict=False):
            step = _rotation_of(w * (share - before))
            before = share
            shift = turn @ (joint - step @ joint) + shift
            turn = turn @ step
            out.append(np.concatenate([turn, shift[:, None]], 1))
        return np.stack(out).astype(np.float32)

    def pose(self, verts: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Coarse vertices [V (+ J), 3] -> [V, 3], skinned linearly with `t` [5, 3, 4]."""
        m = (self.weights @ t.reshape(5, 12)).reshape(-1, 3, 4)
        v = verts[: self.V]
        return np.einsum("vij,vj->vi", m[:, :, :3], v) + m[:, :, 3]

    def landmarks_with(self, brows: Brows) -> Attached:
        """Where the 68 landmarks of a person are attached: those of the brows to the drawn ones."""
        ids, weights = self.landmark_ids.copy(), self.landmark_weights.copy()
        ids[BROWS], weights[BROWS] = attach_brows(brows, self.base[: self.V], self.coarse_faces)
        return ids, weights

    def landmark_points(self, v: np.ndarray, attached: Attached | None = None) -> np.ndarray:
        """The 68 landmarks [68, 3] on coarse or fine vertices `v` (of a fine mesh the first V)."""
        ids, weights = attached or (self.landmark_ids, self.landmark_weights)
        return (v[ids] * weights[..., None]).sum(1)

    def visible_landmarks(
        self,
        v: np.ndarray,
        yaw: float,
        camera: tuple[float, float, float],
        attached: Attached | None = None,
    ) -> np.ndarray:
        """Landmarks [68, 3] as an annotator sees them: the far jaw follows the face's outline.

        `v` are posed vertices (coarse or fine) in the world, `yaw` of the head in degrees,
        `camera` the world position of a camera that looks along -Z, `attached` of
        `landmarks_with`, or the template's.
        """
        points = self.landmark_points(v, attached)
        cx, _, cz = camera
        for j, ring in self._jaw_rings.items():
            outward = -1.0 if j < 8 else 1.0
            if outward * yaw > 0:
                q = v[ring]
                points[j] = q[np.argmax(outward * (q[:, 0] - cx) / (cz - q[:, 2]))]
        return points

    def _find_jaw_rings(self) -> dict[int, np.ndarray]:
        """For landmarks 0 .. 6 and 10 .. 16 the skin in front of them at their height: [n] ids."""
        v = self.base[: self.V]
        skin = np.zeros(self.V, bool)
        skin[self.coarse_faces] = True
        rings = {}
        for j in (*range(7), *range(10, 17)):
            p = self.landmark_points(v)[j]
            x, y, z = v.T
            near = (np.abs(y - p[1]) < 0.4) & (x * p[0] > 0) & (z > p[2] - 0.2)
            near &= (np.abs(x) <= abs(p[0])) & (np.abs(x) > 0.35 * abs(p[0]))
            rings[j] = np.flatnonzero(skin & near)
        return rings


def _sided(asset: Asset, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of a part on the subject's left and right."""
    ids = np.unique(asset.quads[asset.part == list(PARTS).index(part)])
    left = asset.base[ids, 0] > 0
    return ids[left], ids[~left]


def triangles(quads: np.ndarray) -> np.ndarray:
    """Quads [F, 4] -> triangles [2 F, 3] int32: first halves, then second ones."""
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _combine(weights: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Sum over k of weights [K] times deltas [K, N, 3]."""
    return (weights @ deltas.reshape(len(weights), -1)).reshape(deltas.shape[1:])


def _between(x: float, stops: tuple[float, ...], names: tuple[str, ...]) -> dict[str, float]:
    """Linear weights of the two names around `x`."""
    x = min(max(x, stops[0]), stops[-1])
    i = min(int(np.searchsorted(stops, x, side="right")) - 1, len(stops) - 2)
    t = (x - stops[i]) / (stops[i + 1] - stops[i])
    return {names[i]: 1 - t, names[i + 1]: t}


def _macro_weights(shape: Shape) -> dict[str, float]:
    """Weights of MakeHuman's macro targets: products of gender, age, muscle, weight, ancestry."""
    thirds = (0.0, 0.5, 1.0)
    weights = {}
    for g, wg in _between(shape.gender, (0.0, 1.0), ("male", "female")).items():
        for a, wa in _between(shape.age, AGE_STOPS, AGES).items():
            for m, wm in _between(shape.muscle, thirds, MUSCLES).items():
                for w, ww in _between(shape.weight, thirds, WEIGHTS).items():
                    weights[f"universal:{g}-{a}-{m}-{w}"] = wg * wa * wm * ww
            for r, wr in zip(ANCESTRIES, shape.ancestry, strict=True):
                weights[f"race:{r}-{g}-{a}"] = wg * wa * wr
    return weights
