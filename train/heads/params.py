"""What is sampled: plain records of numbers that describe a person, a clip and a frame.

Everything the renderer draws is a function of these records, so a corpus is reproduced from its
seeds alone, and the records are written beside the frames as its ground truth.

Units: cm, degrees, linear RGB in [0, 1] unless a comment says otherwise. The head frame is that of
`asset.py`: +X the subject's left, +Y up, +Z out of the face.
"""

from dataclasses import dataclass, field

import numpy as np

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Shape:
    """Weights of the blend shapes of one head."""

    gender: float  # 0 male .. 1 female
    age: float  # -0.5 baby, 0 ten years, 0.5 twenty-five, 1 eighty
    muscle: float  # 0 .. 1
    weight: float  # 0 .. 1
    ancestry: RGB  # weights of African, Asian and European targets, sum 1
    local: dict[str, float] = field(default_factory=dict)  # slider -> -1 .. 1
    asymmetry: dict[str, float] = field(default_factory=dict)  # slider -> 0 .. 1
    lid_lift: float = 0.3  # eyeWide that belongs to the person: MakeHuman's neutral lids are low
    rest_smile: float = 0.1  # resting expression, part of the person
    rest_frown: float = 0.0  # below 0 the brows are raised


@dataclass(frozen=True)
class Complexion:
    """Skin and make-up."""

    melanin: float  # 0.1 fair .. 2.8 dark
    haemoglobin: float  # 0.2 .. 1
    blush: float  # 0 .. 0.6
    eye_dark: float  # dark under the eyes, 0 .. 1.5
    freckles: float  # 0 .. 1
    moles: int
    pores: float  # 0 smooth (child) .. 1 rough
    wrinkles: float  # of age, 0 .. 1; also scales those of expression
    shine: float  # -1 matt .. 1 oily
    lip_red: float  # 0.2 .. 1
    lipstick: float = 0.0  # opacity
    lipstick_rgb: RGB = (0.4, 0.05, 0.06)
    liner: float = 0.0
    eyeshadow: float = 0.0
    eyeshadow_rgb: RGB = (0.2, 0.1, 0.1)
    rouge: float = 0.0


@dataclass(frozen=True)
class Eyes:
    iris_rgb: RGB
    iris_radius: float  # 0.61 .. 0.67 cm for an eyeball of 1.495 cm
    pupil: float  # of the iris radius, 0.3 .. 0.45
    lashes: float  # opacity, 0.3 .. 1


@dataclass(frozen=True)
class Brows:
    rgb: RGB
    thickness: float  # cm, 0.4 .. 1.1
    density: int  # hairs a side, 250 .. 600
    arch: float  # -0.5 .. 0.6
    lift: float  # cm
    inner: float  # |x| of the inner end, cm
    length: float  # |x| of the outer end, cm
    unruly: float  # 0 .. 1
    alpha: float  # 0.7 .. 1
    asymmetry: float  # cm


@dataclass(frozen=True)
class FacialHair:
    stubble: float = 0.0  # painted, 0 .. 0.8
    length: float = 0.0  # of strands, cm; 0: none
    zones: tuple[str, ...] = ()  # of "moustache", "chin", "jaw", "cheeks"


@dataclass(frozen=True)
class Identity:
    """A person: the same in every clip."""

    seed: int
    shape: Shape
    complexion: Complexion
    eyes: Eyes
    brows: Brows
    facial_hair: FacialHair
    hair_rgb: RGB
    teeth_rgb: RGB = (0.84, 0.75, 0.62)


@dataclass(frozen=True)
class Hair:
    """The style of one clip (the colour is the person's). See `styles.STYLES`."""

    name: str
    kind: str  # how it is combed, a method of `guides._Comb`: crop, side, back, long, bun ...
    seed: int
    count: int  # strands
    guides: int
    points: int  # per strand
    length: float = 4.0  # cm
    side_length: float = 0.8  # of the length, at the sides
    volume: float = 0.5  # cm above the scalp
    stiff: float = 0.5
    clump: float = 0.4
    frizz: float = 0.2  # cm at the tip
    messy: float = 0.1
    forward: float = 0.5
    curl: float = 0.0  # cm, radius of the helix
    wave: float = 3.0  # cm a turn
    curl_phase: float = 0.5
    lift: float = 5.0  # cm along which it stands off before it falls
    flare: float = 1.0
    part: float = 0.0  # x of the parting, cm
    line: int = 0  # seed of the hair line's irregularity, the person's
    recede: float = 0.0
    widow: float = 0.0  # widow's peak
    width: float = 0.062  # of a strand, cm
    goal: RGB = (0.0, 82.0, -6.0)  # where a bun or a tie is (of braids: the left one), cm
    tail: float = 25.0  # beyond the tie, cm
    lock: float = 0.7  # how closely the strands of a lock meet at their tips, 0 .. 1
    per_lock: int = 12  # strands
    rope: float = 0.0  # radius of locs and box braids, cm; 0: none
    flyaway: float = 0.04  # share of strands that stand off
    uneven: float = 0.16  # of the length, between locks
    fringe: float = 0.0  # share of the front hair that falls over the forehead
    thin: float = 0.0  # 0 full .. 1 bare on top
    drape: tuple[float, float] = (-1.0, -1.0)  # left, right: -1 behind the shoulder .. 1 before it


@dataclass(frozen=True)
class Lobe:
    """A soft light: power * exp(kappa * (cos - 1))."""

    azimuth: float  # 0 from the camera, > 0 from image right
    elevation: float
    power: float
    kappa: float
    rgb: RGB


@dataclass(frozen=True)
class Lamp:
    """A light from one direction, with a shadow; `soft` 0 hard .. 1."""

    azimuth: float
    elevation: float
    power: float
    rgb: RGB
    soft: float = 0.5


@dataclass(frozen=True)
class Backdrop:
    kind: str  # of `backdrop.KINDS`
    seed: int
    hue: float
    saturation: float
    value: float
    blur: float  # px at 256


@dataclass(frozen=True)
class Wear:
    """Clothes and things worn; None: not worn. `wear.py` samples and builds them."""

    neckline: str  # of `clothes.NECKLINES`
    cloth_rgb: RGB
    pattern: str = "plain"  # plain, stripes, checks
    pattern_rgb: RGB = (0.5, 0.5, 0.5)
    glasses: dict | None = None
    hat: dict | None = None
    earrings: dict | None = None
    necklace: dict | None = None


@dataclass(frozen=True)
class Conditions:
    """Light, camera, backdrop and clothes of one clip."""

    seed: int
    key: Lamp
    rim: Lamp
    sky_top: RGB
    sky_bottom: RGB
    lobes: tuple[Lobe, ...]
    backdrop: Backdrop
    wear: Wear
    distance: float  # of the camera, cm, 60 .. 200
    exposure: float
    grain: float  # standard deviation of the noise, of 1
    blur: float  # px at 256


@dataclass(frozen=True)
class State:
    """What moves in one frame.

    `pose` yaw, pitch, roll of the head: yaw > 0 the subject turns to its left (image right), pitch
    > 0 up, roll > 0 clockwise for the viewer. `gaze` yaw, pitch of the eyes in the head's frame.
    `coeffs` [52] in [0, 1] in the order of `HeadModel.actions` (eyeLook* follow from the gaze).
    `sway` yaw, pitch by which loose hair lags behind the head.
    """

    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    coeffs: np.ndarray = field(default_factory=lambda: np.zeros(52, np.float32))
    sway: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Mesh:
    """A thing worn: it moves with the head, or with the skin near it if `skinned`."""

    vertices: np.ndarray  # [V, 3] float32, cm, neutral head frame
    faces: np.ndarray  # [F, 3] int32
    rgb: RGB
    gloss: float = 0.3  # 0 matt .. 1 polished
    metal: float = 0.0  # 0 or 1: reflections take the colour
    skinned: bool = False
    opacity: float = 1.0  # of what is not reflected: a lens has about 0.05


@dataclass(frozen=True)
class Strands:
    """Hair as poly-lines, root to tip, in the neutral head frame."""

    points: np.ndarray  # [S, M, 3] float32, cm
    width: np.ndarray  # [S] float32, cm
    shade: np.ndarray  # [S] float32, multiplies the colour, about 1
    root_normal: np.ndarray  # [S, 3] float32
    root_ids: np.ndarray  # [S, 3] int32: coarse vertices the root lies between
    root_weights: np.ndarray  # [S, 3] float32, barycentric
    grey: np.ndarray | None = None  # [S] float32, 0 the person's colour .. 1 white; None: 0
    loose: np.ndarray | None = None  # [S] float32, 0 fixed .. 1 swings freely; None: 1


@dataclass(frozen=True)
class SkinMaps:
    """Textures in the head's UV chart, [T, T] with row 0 at v = 1."""

    albedo: np.ndarray  # [T, T, 3] float32, linear RGB
    gloss: np.ndarray  # [T, T] float32, 0 .. 1
    relief: np.ndarray  # [T, T] float32, height in cm: pores, wrinkles of age
