"""Put an aligned square back into the picture it was cut from, and move it there as a driver moves."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from stylexfer.faces.align import crop_quad

# The part of the FFHQ square that is replaced: an ellipse around face and brow, in sides of the
# square. Hair and shoulders stay the picture's own, so that no outline of the square shows.
_CENTRE = 0.53  # from the top
_HALF_WIDTH, _HALF_HEIGHT = 0.41, 0.46
_FEATHER = 0.35  # of the way from the edge to the centre

_COARSE = 32  # pixels, a power of two: at this size colours are compared along the edge
_LARGEST_SHIFT = 64.0  # grey levels; more is another thing there, not another light
_STEADY = 0.8  # of the frame before in the shift of colours, which flickers else

# Of what follows the driver, in sides of the square: moved as a whole within the first radius, not
# at all beyond the second, nor at the picture's border, within which it begins to move.
_RIGID, _FREE = 0.62, 1.4
_BORDER = 0.25
# And how far it goes at most, so that nothing between folds; less where the border is near.
_FARTHEST, _LEAST_FAR = 0.3, 0.05
_HEAD = 0.45  # half its extent
_STEEPEST = math.radians(30)
_CLOSEST = math.log(1.25)
_CELLS = 24  # of the grid along each side, which the picture is bent by


def _smooth(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, without a kink between."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


@lru_cache(maxsize=8)
def _mask(size: int) -> np.ndarray:
    """How much is replaced, `[size, size]`, 0 to 1."""
    place = (np.arange(size) + 0.5) / size
    across, down = (place - 0.5) / _HALF_WIDTH, (place - _CENTRE) / _HALF_HEIGHT
    return _smooth((1 - np.hypot(across[None, :], down[:, None])) / _FEATHER)


@lru_cache(maxsize=1)
def _edge() -> np.ndarray:
    """Where colours are compared, `[_COARSE, _COARSE, 1]`: 1 halfway through the soft edge."""
    mask = _mask(_COARSE)
    return (4 * mask * (1 - mask))[..., None].astype(np.float32)


def _coarse(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(image).resize((_COARSE, _COARSE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _enlarged(values: np.ndarray, size: int) -> np.ndarray:
    """float32 `[n, n, 3]` -> `[size, size, 3]`."""
    planes = (Image.fromarray(np.ascontiguousarray(values[..., c])) for c in range(3))
    return np.dstack(
        [np.asarray(p.resize((size, size), Image.Resampling.BILINEAR)) for p in planes]
    )


def _carried_inwards(known: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fill `[n, n, 3]` smoothly from where `weight` `[n, n, 1]` says that it is known: averages at
    ever coarser sizes, then back (pull-push, Gortler et al., The Lumigraph, 1996, section 3.4.1)."""
    if len(known) == 1:
        return known / np.maximum(weight, 1e-6)
    half = len(known) // 2
    coarser = [x.reshape(half, 2, half, 2, -1).mean((1, 3)) for x in (known, weight)]
    around = _enlarged(_carried_inwards(*coarser), len(known))
    return known + (1 - weight) * around


class Paster:
    """Puts one result after the other into one picture. It has the state of one clip."""

    def __init__(self, picture: np.ndarray, quad: np.ndarray):
        """picture: uint8 [H, W, 3]; quad: [4, 2], a square as `ffhq_quad` gives it for `picture`."""
        self._picture = picture
        self._corners = np.asarray(quad, dtype=np.float64) + 0.5  # edges, not centres, of pixels
        self._side = math.hypot(*(self._corners[3] - self._corners[0]))
        self._centre = self._corners.mean(axis=0)
        self._colours = _coarse(crop_quad(picture, quad, 4 * _COARSE))
        self._shift: np.ndarray | None = None
        # from the middle of the face to the nearer border, across and down
        edges = np.stack([self._centre, np.array(picture.shape[1::-1]) - self._centre])
        room = edges.min(axis=0) / self._side - _HEAD
        self._place = _Place(np.clip(0.6 * room, _LEAST_FAR, _FARTHEST))

    def __call__(
        self, aligned: np.ndarray, driver: np.ndarray | None = None, another: bool = False
    ) -> np.ndarray:
        """The picture with the face of an aligned square, in the light of the picture.

        aligned: uint8 [S, S, 3], any S. driver: [4, 2], the driver's quad in its frame: the head
        goes with it from where it first was, and stays where it is while none is given. another:
        this quad may be another driver's; the head goes on from where it is.
        Returns a new uint8 [H, W, 3], equal to the picture outside the quad's bounding box, or
        around the face if that moves.
        """
        pasted = self._pasted(self._matched(aligned))
        if driver is not None:
            self._place.see(driver, another)
        return self._moved(pasted) if self._place.left else pasted

    def _matched(self, aligned: np.ndarray) -> Image.Image:
        """The square with its colours shifted to meet the picture's along the edge."""
        size = len(aligned)
        if self._side < size:  # average first: the warp samples only four neighbours
            size = max(1, round(self._side))
            small = Image.fromarray(aligned).resize((size, size), Image.Resampling.LANCZOS)
            aligned = np.asarray(small)
        apart = np.clip(self._colours - _coarse(aligned), -_LARGEST_SHIFT, _LARGEST_SHIFT)
        shift = _carried_inwards(apart * _edge(), _edge())
        if self._shift is not None:
            shift += _STEADY * (self._shift - shift)
        self._shift = shift
        return Image.fromarray(np.uint8(np.clip(aligned + _enlarged(shift, size) + 0.5, 0, 255)))

    def _pasted(self, square: Image.Image) -> np.ndarray:
        result = self._picture.copy()
        height, width = result.shape[:2]
        corners = self._corners
        left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width, height))
        right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, (width, height))
        if right <= left or bottom <= top:
            return result
        # From picture to square, both in units of their own pixels.
        axes = np.stack([corners[3] - corners[0], corners[1] - corners[0]], axis=1)
        towards = np.linalg.inv(axes) * square.width
        offset = towards @ (np.array([left, top]) - corners[0])
        warp = (*towards[0], offset[0], *towards[1], offset[1])
        place = (int(right - left), int(bottom - top))
        mask = Image.fromarray(np.uint8(np.rint(255 * _mask(square.width))))
        weight = mask.transform(place, Image.Transform.AFFINE, warp, Image.Resampling.BILINEAR)
        new = square.transform(place, Image.Transform.AFFINE, warp, Image.Resampling.BICUBIC)
        old = Image.fromarray(result[top:bottom, left:right])
        old.paste(new, mask=weight)
        result[top:bottom, left:right] = np.asarray(old)
        return result

    def _moved(self, picture: np.ndarray) -> np.ndarray:
        """The head goes where the driver's has gone, and what is around it gives way."""
        size = np.array(picture.shape[1::-1])
        reach = _FREE * self._side
        low = np.clip(np.floor(self._centre - reach), 0, size).astype(int)
        high = np.clip(np.ceil(self._centre + reach), 0, size).astype(int)
        steps = [np.linspace(a, b, _CELLS + 1).round() for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*steps), axis=-1)  # [_CELLS + 1, _CELLS + 1, 2], x and y
        edge = np.minimum(grid, size - grid).min(axis=-1) / (_BORDER * self._side)
        way = self._place.give_way(grid - self._centre, self._side)
        source = np.clip(grid + _smooth(edge)[..., None] * way, 0, size) - low
        mesh = []
        for j in range(_CELLS):
            for i in range(_CELLS):
                (a, b), (c, d) = grid[j, i] - low, grid[j + 1, i + 1] - low
                around = source[[j, j + 1, j + 1, j], [i, i, i + 1, i + 1]]
                if c > a and d > b:
                    mesh.append(((int(a), int(b), int(c), int(d)), tuple(around.ravel())))
        region = Image.fromarray(picture[low[1] : high[1], low[0] : high[0]])
        bent = region.transform(region.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)
        picture[low[1] : high[1], low[0] : high[0]] = np.asarray(bent)
        return picture


class _Place:
    """Where a face has gone since it was first seen: along, turned and nearer."""

    def __init__(self, farthest: np.ndarray):
        """farthest: [2], across and down, in sides of the square."""
        self._farthest = farthest
        self._first: np.ndarray | None = None
        self._before = self._gone = np.zeros(4)  # along x and y, turned, nearer (logarithm)

    @property
    def left(self) -> bool:
        return bool(self._gone.any())

    def see(self, quad: np.ndarray, another: bool) -> None:
        """The next quad [4, 2], in pixels of the driver's frame."""
        if self._first is None or another:
            self._first, self._before = quad, self._gone
        start, now = (corners[3] - corners[0] for corners in (self._first, quad))
        side = math.hypot(*start)
        along = (quad.mean(axis=0) - self._first.mean(axis=0)) / side
        turned = math.atan2(start[0] * now[1] - start[1] * now[0], float(start @ now))
        nearer = math.log(math.hypot(*now) / side)
        self._gone = self._before + (*along, turned, nearer)

    def give_way(self, points: np.ndarray, side: float) -> np.ndarray:
        """What to add to points `[..., 2]`, relative to the face's first centre, to get where their
        colours are taken from; side: of the face's square."""
        moved = points - side * _bounded(self._gone[:2], self._farthest)
        turned = _bounded(self._gone[2], _STEEPEST)
        scale = math.exp(-_bounded(self._gone[3], _CLOSEST))
        cos, sin = scale * math.cos(turned), scale * math.sin(turned)
        back = moved @ np.array([[cos, -sin], [sin, cos]])
        # Towards the border the pull fades: at the start of the clip as at its end.
        far = np.hypot(*np.moveaxis(points, -1, 0)) / side
        return _smooth((_FREE - far) / (_FREE - _RIGID))[..., None] * (back - points)


def _bounded(value: np.ndarray | float, limit: np.ndarray | float) -> np.ndarray | float:
    """Near `value` where that is small, never beyond `limit`."""
    return value / (1 + (value / limit) ** 4) ** 0.25


def paste_back(picture: np.ndarray, quad: np.ndarray, aligned: np.ndarray) -> np.ndarray:
    """One result in its picture: see `Paster`."""
    return Paster(picture, quad)(aligned)
