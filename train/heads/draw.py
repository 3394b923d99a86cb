"""Drawing a posed person: what each sample sees, its light, and the finished picture."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import warp as wp

from train.heads.geometry import Camera, Crop, to_screen
from train.heads.hair_shading import HairSurface, shade_hair
from train.heads.lens import shade_lens
from train.heads.light import SHADOW_SIDE, cast_shadow, fibonacci, harmonics, sky_radiance
from train.heads.person import Person
from train.heads.raster import Buffer, vectors, vertex_normals
from train.heads.resolve import bleed_columns, bleed_rows, resolve
from train.heads.shading import shade_triangles
from train.heads.surface import Posed, Surface

BLEED = (0.16, 0.075, 0.045)  # cm, how far red, green, blue light spreads in skin
BACKDROP_SPAN = 1.6  # of the backdrop, in crops of the neutral head
AROUND = fibonacci(256)
HEAD_CENTRE = np.array(
    [0.0, 75.0, 3.5], np.float32
)  # of the skull, from which hair points outwards

BufferOf = Callable[[str, int], Buffer]  # an empty buffer by name and side, px


@dataclass
class Scene:
    """A posed person before it is drawn."""

    camera: Camera
    crop: Crop
    posed: Posed
    vertices: np.ndarray  # [N, 3] world: fine head, eyeballs, things worn
    sky: np.ndarray  # [N, 3] share of the sky's light that arrives
    landmarks: np.ndarray  # [68, 3] world
    head: np.ndarray  # [3, 4] transform of the head
    hair: wp.array | None  # [S * M] world


@dataclass
class Layers:
    """What the samples of a picture of `side` px hold: albedo * diffuse + shine, and more."""

    side: int
    surface: Surface
    keys: wp.array
    lash_keys: wp.array
    albedo: wp.array
    diffuse: wp.array
    shine: wp.array
    skin: wp.array


def _surface(person: Person, scene: Scene, side: int) -> Surface:
    device = person.faces.device
    surface = Surface()
    surface.position = vectors(scene.vertices, device)
    surface.normal = vertex_normals(surface.position, person.faces)
    surface.screen = to_screen(surface.position, scene.camera, scene.crop, side)
    surface.sky = vectors(scene.sky, device)
    surface.rest, surface.place = person.rest, person.place
    surface.faces, surface.kind, surface.uv = person.faces, person.kind, person.uv
    return surface


def _hair_surface(person: Person, scene: Scene, side: int) -> HairSurface:
    device = person.faces.device
    s = person.strands
    hair = HairSurface()
    hair.position = scene.hair
    hair.screen = to_screen(scene.hair, scene.camera, scene.crop, side)
    hair.open = person.visibility.hair
    hair.shade, hair.grey = person.strand_shade, person.strand_grey
    hair.root_normal = vectors(s.root_normal, device)
    radiance = sky_radiance(AROUND @ scene.head[:, :3].T, person.conditions)
    moments = harmonics(AROUND).T @ radiance * (4 * math.pi / len(AROUND))
    hair.sky = vectors(moments, device)
    hair.centre = wp.vec3(*(scene.head[:, :3] @ HEAD_CENTRE + scene.head[:, 3]))
    hair.per_strand = s.points.shape[1]
    return hair


def draw(person: Person, scene: Scene, side: int, buffer_of: BufferOf) -> Layers:
    """Shade a square of `side` samples."""
    device = person.faces.device
    surface = _surface(person, scene, side)
    hair = None if scene.hair is None else _hair_surface(person, scene, side)
    seen = buffer_of("picture", side)
    seen.triangles(surface.screen, person.faces)
    triangles = seen.count
    px_per_cm = side / (2 * scene.crop.half)
    shadow_hair = None
    if hair is not None:
        width = wp.array(person.strands.width * px_per_cm, dtype=float, device=device)
        seen.strands(hair.screen, width, hair.per_strand)
        wide = wp.full(len(person.strands.width), 2.0, dtype=float, device=device)
        shadow_hair = (scene.hair, wide, hair.per_strand)
    lashes = buffer_of("lashes", side)
    lashes.triangles(surface.screen, person.lashes.faces)
    cast_shadow(
        person.light,
        buffer_of("shadow", SHADOW_SIDE),
        scene.camera.target,
        surface.position,
        person.faces,
        shadow_hair,
    )
    empty = [wp.empty(side * side, dtype=wp.vec3, device=device) for _ in range(3)]
    layers = Layers(
        side,
        surface,
        seen.keys,
        lashes.keys,
        *empty,
        skin=wp.empty(side * side, dtype=float, device=device),
    )
    out = [layers.albedo, layers.diffuse, layers.shine]
    wp.launch(
        shade_triangles,
        dim=side * side,
        inputs=[seen.keys, side, triangles, surface, person.looks, scene.posed, person.light],
        outputs=[*out, layers.skin],
        device=device,
    )
    if hair is not None:
        wp.launch(
            shade_hair,
            dim=side * side,
            inputs=[seen.keys, side, triangles, hair, person.looks, scene.posed, person.light],
            outputs=out,
            device=device,
        )
    _bleed(layers, px_per_cm)
    if person.lens is not None:
        glass = buffer_of("lens", side)
        glass.triangles(surface.screen, person.lens.faces)
        wp.launch(
            shade_lens,
            dim=side * side,
            inputs=[seen.keys, glass.keys, side, surface, person.lens, scene.posed, person.light],
            outputs=[layers.albedo, layers.shine],
            device=device,
        )
    return layers


def _bleed(layers: Layers, px_per_cm: float) -> None:
    """Let the light spread under the skin (a separable Gaussian for each colour)."""
    sigma = np.array(BLEED) * px_per_cm
    radius = max(1, math.ceil(2.2 * sigma.max()))
    d = np.arange(radius + 1)[:, None]
    weights = vectors(np.exp(-0.5 * (d / np.maximum(sigma, 0.05)) ** 2), layers.keys.device)
    total, share = wp.empty_like(layers.diffuse), wp.empty_like(layers.diffuse)
    facts = [layers.side, radius, weights, layers.skin]
    n, device = layers.side**2, layers.keys.device
    wp.launch(bleed_rows, n, inputs=[*facts, layers.diffuse, total, share], device=device)
    wp.launch(bleed_columns, n, inputs=[*facts, total, share, layers.diffuse], device=device)


def meter(person: Person, layers: Layers) -> wp.vec3:
    """Exposure for a face: partly white-balanced, fair skin a little lower as photographers do."""
    skin = layers.skin.numpy() > 0.5
    light, fair = np.ones(3), 0.4
    if skin.any():
        light = np.maximum(layers.diffuse.numpy()[skin].mean(0), 1e-3)
        fair = float(layers.albedo.numpy()[skin].mean())
    level = light**0.6 * light.mean() ** 0.4
    return wp.vec3(*(person.conditions.exposure * (1.02 - 0.42 * fair) / level))


def _backdrop_place(still: Crop, crop: Crop, size: int) -> np.ndarray:
    """Where a pixel looks on the backdrop: `[2, 3]` of (x, y, 1) in px -> (u, v) in 0 .. 1."""
    to_still = np.linalg.inv(still.axes()) / BACKDROP_SPAN
    scale = to_still @ crop.axes()
    shift = to_still @ (crop.centre - still.centre)
    place = np.empty((2, 3))
    place[:, :2] = scale * (2 / size) * 0.5
    place[:, 2] = (shift - scale @ np.ones(2)) * 0.5 + 0.5
    return place


def develop(
    person: Person, scene: Scene, layers: Layers, size: int, supersample: int
) -> tuple[np.ndarray, np.ndarray]:
    """The picture `[size, size, 3]` in sRGB 0 .. 1, and the person's share of its pixels."""
    device = person.faces.device
    picture = wp.empty((size, size), dtype=wp.vec3, device=device)
    mask = wp.empty((size, size), dtype=float, device=device)
    place = _backdrop_place(person.still, scene.crop, size).flatten()
    wp.launch(
        resolve,
        dim=(size, size),
        inputs=[size, supersample, layers.keys, layers.lash_keys, layers.surface, person.lashes],
        outputs=[
            layers.albedo,
            layers.diffuse,
            layers.shine,
            person.gain,
            person.backdrop,
            wp.array(place, dtype=float, device=device),
            picture,
            mask,
        ],
        device=device,
    )
    return picture.numpy(), mask.numpy()
