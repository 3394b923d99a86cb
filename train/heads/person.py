"""Setting up a person for a clip: shape, skin, hair, clothes and what each point sees of the sky."""

from dataclasses import dataclass, replace

import numpy as np
import warp as wp
from scipy.spatial import cKDTree

from train.heads import backdrop, clothes, facial_hair, hair, skin, wear
from train.heads.bake import Visibility, see_sky
from train.heads.folds import fold_phase
from train.heads.head import BODY as BODY_PART
from train.heads.head import LASH_LOWER, LASH_UPPER, HeadModel
from train.heads.head import TEETH as TEETH_PART
from train.heads.head import TONGUE as TONGUE_PART
from train.heads.landmarks import Attached
from train.heads.lens import Lens
from train.heads.light import Light, light_of
from train.heads.params import Conditions, Hair, Identity, Mesh, Strands
from train.heads.raster import indices, vectors
from train.heads.resolve import Lashes
from train.heads.surface import BODY, CAVITY, LEFT_EYE, SKIN, TEETH, TONGUE, WORN, Looks

TEXTURE = 1024  # px of the skin's maps
BACKDROP = 512  # px
PATTERNS = ("plain", "stripes", "checks")
ARCH = (3.1, 10.6, 4.5)  # half width, z of the centre and depth of the dental arch, cm
BITE = 65.98  # height at which the template's rows of teeth meet, cm


@dataclass(frozen=True)
class Solids:
    """What all heads share: the triangles of skin, mouth and eyeballs, and where they lie."""

    faces: np.ndarray  # [F, 3] over fine vertices, then the two eyeballs
    kind: np.ndarray  # [F]
    uv: np.ndarray  # [F, 3, 2]
    teeth_place: np.ndarray  # [V2, 2]: cm along the arch and 0 edge .. 1 gum; 0 elsewhere
    eyeball: np.ndarray  # [n, 3] unit sphere around +Z
    lash_faces: np.ndarray  # [L, 3]
    lash_upper: np.ndarray  # [L]


def unit_cap(around: int = 48, rings: int = 28, reach: float = 1.75):
    """The front of a unit sphere about +Z to `reach` rad: vertices `[n, 3]`, faces `[f, 3]`."""
    theta, phi = np.meshgrid(
        np.linspace(0, reach, rings), np.arange(around) * (2 * np.pi / around), indexing="ij"
    )
    sine = np.sin(theta)
    v = np.stack([sine * np.cos(phi), sine * np.sin(phi), np.cos(theta)], -1).reshape(-1, 3)
    i = np.arange((rings - 1) * around)
    a, b = i, i - i % around + (i + 1) % around
    faces = [np.stack([a, a + around, b], 1), np.stack([b, a + around, b + around], 1)]
    return v.astype(np.float32), np.concatenate(faces).astype(np.int32)


def _teeth_place(head: HeadModel) -> np.ndarray:
    place = np.zeros((len(head.template), 2), np.float32)
    ids = np.unique(head.faces[head.part == TEETH_PART])
    x, y, z = head.template[ids].T
    a, centre, b = ARCH
    turn = np.linspace(0, np.pi / 2, 200)
    steps = np.hypot(np.diff(a * np.sin(turn)), np.diff(b * np.cos(turn)))
    length = np.concatenate([[0], np.cumsum(steps)])
    angle = np.arctan2(np.abs(x) / a, np.maximum(z - centre, 0) / b)
    place[ids, 0] = np.sign(x) * np.interp(angle, turn, length)
    place[ids, 1] = np.where(y > BITE, (y - BITE) / 1.85, (BITE - y) / 1.75)
    return place


def solids(head: HeadModel) -> Solids:
    lash = (head.part == LASH_LOWER) | (head.part == LASH_UPPER)
    part = head.part[~lash]
    kind = np.full(len(part), BODY, np.int32)
    kind[head.head_chart[~lash]] = SKIN
    kind[head.cavity[~lash] & (part == BODY_PART)] = CAVITY
    kind[part == TONGUE_PART] = TONGUE
    kind[part == TEETH_PART] = TEETH
    ball, ball_faces = unit_cap()
    n = len(head.template)
    faces = [head.faces[~lash], ball_faces + n, ball_faces + n + len(ball)]
    eyes = np.repeat([LEFT_EYE, LEFT_EYE + 1], len(ball_faces))
    uv = np.zeros((len(part) + len(eyes), 3, 2), np.float32)
    uv[: len(part)] = head.corner_uv[~lash]
    return Solids(
        faces=np.concatenate(faces).astype(np.int32),
        kind=np.concatenate([kind, eyes]).astype(np.int32),
        uv=uv,
        teeth_place=_teeth_place(head),
        eyeball=ball,
        lash_faces=head.faces[lash].astype(np.int32),
        lash_upper=(head.part[lash] == LASH_UPPER).astype(np.int32),
    )


@dataclass
class Person:
    """Everything that is constant during a clip; arrays on the renderer's device."""

    identity: Identity
    conditions: Conditions
    neutral: np.ndarray  # [V + J, 3], dressed
    eye_radius: tuple[float, float]  # left, right
    phase: float  # of the folds
    landmarks: Attached
    looks: Looks
    light: Light
    visibility: Visibility
    backdrop: wp.array  # [B, B] vec3
    # triangles
    faces: wp.array
    kind: wp.array
    uv: wp.array
    rest: wp.array
    place: wp.array
    lashes: Lashes
    lens: object  # a lens.Lens, or None
    worn: np.ndarray  # [n, 3] vertices of the things worn, neutral head frame
    worn_bones: np.ndarray  # [n, 5]
    # strands; None: bald and shaven
    strands: Strands | None
    strand_points: wp.array | None  # [S * M] vec3
    strand_shade: wp.array | None  # [S]
    strand_grey: wp.array | None  # [S]
    strand_loose: wp.array | None  # [S]
    # found by the renderer on the neutral, frontal head
    gain: wp.vec3 = None
    still: object = None  # geometry.Crop


def completed(s: Strands | None) -> Strands | None:
    """With the optional columns filled in."""
    if s is None:
        return None
    none, all_ = np.zeros(len(s.width), np.float32), np.ones(len(s.width), np.float32)
    return replace(
        s, grey=none if s.grey is None else s.grey, loose=all_ if s.loose is None else s.loose
    )


def merged(a: Strands | None, b: Strands | None) -> Strands | None:
    """Two sets of strands as one; the shorter poly-lines are resampled."""
    if a is None or b is None:
        return b if a is None else a
    m = max(a.points.shape[1], b.points.shape[1])

    def resampled(p):
        at = np.linspace(0, p.shape[1] - 1, m)
        i = np.minimum(at.astype(int), p.shape[1] - 2)
        t = (at - i).astype(np.float32)[None, :, None]
        return p[:, i] * (1 - t) + p[:, i + 1] * t

    rest = {
        name: np.concatenate([getattr(a, name), getattr(b, name)])
        for name in Strands.__dataclass_fields__
        if name != "points"
    }
    return Strands(points=np.concatenate([resampled(a.points), resampled(b.points)]), **rest)


def _bones(head: HeadModel, neutral: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Weights `[n, 5]` of static, neck 1 to 3 and head."""
    if not mesh.skinned:
        return np.tile(np.float32([0, 0, 0, 0, 1]), (len(mesh.vertices), 1))
    _, nearest = cKDTree(neutral[: head.V]).query(mesh.vertices)
    return head.weights[nearest]


def _looks(head: HeadModel, identity: Identity, conditions: Conditions, hair_: Hair, device: str):
    maps = skin.skin_maps(head, identity, hair_, device)
    c, worn = identity.complexion, conditions.wear
    looks = Looks()
    looks.albedo = wp.array(maps.albedo, dtype=wp.vec3, device=device)
    looks.gloss = wp.array(maps.gloss, dtype=float, device=device)
    looks.relief = wp.array(maps.relief, dtype=float, device=device)
    looks.body_rgb = wp.vec3(*skin.skin_rgb(c.melanin, c.haemoglobin))
    looks.pores = c.pores
    looks.teeth_rgb = wp.vec3(*identity.teeth_rgb)
    looks.cloth_rgb, looks.pattern_rgb = wp.vec3(*worn.cloth_rgb), wp.vec3(*worn.pattern_rgb)
    looks.cloth_pattern = PATTERNS.index(worn.pattern)
    looks.iris_rgb = wp.vec3(*identity.eyes.iris_rgb)
    looks.iris_radius, looks.pupil = identity.eyes.iris_radius, identity.eyes.pupil
    looks.hair_rgb = wp.vec3(*identity.hair_rgb)
    looks.seed = identity.seed % 100003
    return looks


def _lens(glass: list[tuple[Mesh, np.ndarray]], device: str) -> object:
    """A `lens.Lens` of meshes and their faces, all of one tint; None without any."""
    if not glass:
        return None
    lens = Lens()
    lens.faces = indices(np.concatenate([faces for _, faces in glass]), device)
    lens.rgb, lens.opacity = wp.vec3(*glass[0][0].rgb), glass[0][0].opacity
    return lens


def _on_device(strands: Strands | None, device: str) -> dict:
    columns = ("shade", "grey", "loose")
    if strands is None:
        return {"strand_points": None, **{f"strand_{c}": None for c in columns}}
    arrays = {
        f"strand_{c}": wp.array(getattr(strands, c).astype(np.float32), dtype=float, device=device)
        for c in columns
    }
    return {"strand_points": vectors(strands.points, device), **arrays}


def set_up(
    head: HeadModel,
    shared: Solids,
    identity: Identity,
    hair_: Hair,
    conditions: Conditions,
    device: str,
) -> Person:
    """A person under the conditions of one clip."""
    bare = head.neutral(identity.shape)
    neutral = clothes.dressed(head, bare, conditions.wear)
    meshes = wear.meshes(head, neutral, conditions.wear)
    strands = merged(
        completed(wear.tucked(hair.grow(head, bare, hair_, identity), head, bare, conditions.wear)),
        completed(facial_hair.beard(head, bare, identity)),
    )
    faces, kind, uv = [shared.faces], [shared.kind], [shared.uv]
    at = len(head.template) + 2 * len(shared.eyeball)
    glass = []
    for i, mesh in enumerate(meshes):
        if mesh.opacity < 1:
            glass.append((mesh, mesh.faces + at))
        else:
            faces.append(mesh.faces + at)
            kind.append(np.full(len(mesh.faces), WORN + i, np.int32))
            uv.append(np.zeros((len(mesh.faces), 3, 2), np.float32))
        at += len(mesh.vertices)
    padding = np.zeros((at - len(head.template), 3), np.float32)  # eyes and things worn have none
    place = shared.teeth_place.copy()
    on_body = np.unique(head.faces[head.part == BODY_PART])
    place[on_body, 0] = clothes.above_neckline(head.template[on_body], conditions.wear.neckline)
    looks = _looks(head, identity, conditions, hair_, device)
    looks.worn_rgb = vectors(np.array([m.rgb for m in meshes]).reshape(-1, 3), device)
    looks.worn_gloss = wp.array([m.gloss for m in meshes], dtype=float, device=device)
    looks.worn_metal = wp.array([m.metal for m in meshes], dtype=float, device=device)
    lashes = Lashes()
    lashes.faces = indices(shared.lash_faces, device)
    lashes.upper = wp.array(shared.lash_upper, dtype=int, device=device)
    lashes.eye = wp.vec3(*head.base[head.V + 4])
    lashes.opacity = identity.eyes.lashes
    eyes = [bare[ids] - bare[head.V + 4 + k] for k, ids in enumerate(head.eye_ids)]
    picture = backdrop.paint(conditions.backdrop, BACKDROP)
    return Person(
        identity=identity,
        conditions=conditions,
        neutral=neutral,
        eye_radius=tuple(float(np.linalg.norm(e, axis=1).mean()) for e in eyes),
        phase=fold_phase(identity.seed),
        landmarks=head.landmarks_with(identity.brows),
        looks=looks,
        light=light_of(conditions, device),
        visibility=see_sky(neutral[: head.V], head.coarse_faces, strands, device),
        backdrop=wp.array(picture.astype(np.float32), dtype=wp.vec3, device=device),
        faces=indices(np.concatenate(faces), device),
        kind=wp.array(np.concatenate(kind), dtype=int, device=device),
        uv=wp.array(np.concatenate(uv), dtype=wp.vec2, device=device),
        rest=vectors(np.concatenate([head.template, padding]), device),
        place=wp.array(
            np.concatenate([place, padding[:, :2]]).astype(np.float32), dtype=wp.vec2, device=device
        ),
        lashes=lashes,
        lens=_lens(glass, device),
        worn=np.concatenate([padding[:0], *(m.vertices for m in meshes)]),
        worn_bones=np.concatenate(
            [np.zeros((0, 5), np.float32), *(_bones(head, neutral, m) for m in meshes)]
        ),
        strands=strands,
        **_on_device(strands, device),
    )
