import numpy as np
import pytest

from stylexfer.faces import Paster, crop_quad, paste_back
from tests.reference.weights import smooth_image


def tilted_quad(centre: tuple[float, float], side: float, degrees: float) -> np.ndarray:
    turn = np.radians(degrees)
    x = np.array([np.cos(turn), np.sin(turn)]) * side / 2
    y = np.array([-x[1], x[0]])
    return np.array(centre) + np.stack([-x - y, -x + y, x + y, x - y])


def outside(shape: tuple[int, ...], quad: np.ndarray) -> np.ndarray:
    mask = np.ones(shape[:2], dtype=bool)
    (left, top), (right, bottom) = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    mask[max(0, int(top)) : int(bottom) + 2, max(0, int(left)) : int(right) + 2] = False
    return mask


@pytest.mark.parametrize("degrees", [0, 12, -35, 90])
@pytest.mark.parametrize("size", [128, 256])
def test_pasting_the_crop_back_changes_little(degrees, size):
    picture = smooth_image(300, 400, 5)
    quad = tilted_quad((190.3, 140.7), 200, degrees)
    result = paste_back(picture, quad, crop_quad(picture, quad, size))
    change = np.abs(result.astype(int) - picture)
    assert np.array_equal(
        result[outside(picture.shape, quad)], picture[outside(picture.shape, quad)]
    )
    # The grain is lost in resampling, more so at half the size; a shift by a pixel would cost 6.
    assert change.mean() < 3


def test_the_square_lands_where_it_was_cut():
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    quad = tilted_quad((100, 100), 120, 20)
    square = np.zeros((240, 240, 3), dtype=np.uint8)
    square[60:90, 150:180] = 255  # a spot, right of and above the middle of the face
    result = paste_back(picture, quad, square)
    y, x = np.nonzero(result[..., 0] > 128)
    along, down = (quad[3] - quad[0]) / 240, (quad[1] - quad[0]) / 240
    want = quad[0] + along * 165 + down * 75
    assert np.hypot(x.mean() - want[0], y.mean() - want[1]) < 1


def face_in(picture: np.ndarray, quad: np.ndarray, size: int = 128) -> np.ndarray:
    """The crop with a dark disc in its middle."""
    square = crop_quad(picture, quad, size).copy()
    place = np.arange(size) - size / 2
    square[np.hypot(place[:, None], place[None, :]) < 0.15 * size] = 0
    return square


def test_the_middle_is_replaced_and_the_picture_left_alone():
    picture = np.full((200, 200, 3), 150, dtype=np.uint8)
    quad = tilted_quad((100, 100), 120, 0)
    result = paste_back(picture, quad, face_in(picture, quad))
    assert result[92:108, 92:108].max() < 3
    assert np.array_equal(picture, np.full((200, 200, 3), 150))


@pytest.mark.parametrize("light", [-40, 25, 50])
def test_no_edge_shows_whatever_the_light(light):
    """A face drawn in another light takes on that of the picture; its dark eyes stay darker."""
    picture = np.full((200, 200, 3), 150, dtype=np.uint8)
    quad = tilted_quad((100, 100), 160, 10)
    square = np.uint8(np.clip(face_in(picture, quad).astype(int) + light, 0, 255))
    result = paste_back(picture, quad, square).astype(int)
    assert np.abs(result[100, :60] - 150).max() < 6  # over the soft edge, up to the disc
    assert result[100, 100].max() < 60


def test_the_light_does_not_flicker():
    """One frame in another light hardly shows: the shift of colours is steady."""
    picture = np.full((200, 200, 3), 150, dtype=np.uint8)
    quad = tilted_quad((100, 100), 160, 0)
    paster, square = Paster(picture, quad), face_in(picture, quad)
    before = paster(square).astype(int)
    bright = np.uint8(np.clip(square.astype(int) + 30, 0, 255))
    assert np.abs(paster(bright) - before)[100, 70].max() > 15  # it is the frame that is brighter,
    assert np.abs(paster(square) - before)[100, 70].max() < 8  # and the next is as it was


def driver_at(x: float, y: float, side: float = 100, degrees: float = 0) -> np.ndarray:
    return tilted_quad((300 + x, 200 + y), side, degrees)


def dark_spot(image: np.ndarray) -> np.ndarray:
    """Centre, x and y, of the dark disc."""
    y, x = np.nonzero(image[..., 0] < 60)
    return np.array([x.mean(), y.mean()])


def test_the_head_goes_where_the_driver_goes():
    picture = np.full((400, 400, 3), 150, dtype=np.uint8)
    picture[150:152, :] = 200  # a line behind the head
    quad = tilted_quad((200, 200), 120, 0)
    paster, square = Paster(picture, quad), face_in(picture, quad)
    start = dark_spot(paster(square, driver_at(0, 0)))
    moved = paster(square, driver_at(10, -6))
    assert dark_spot(moved) - start == pytest.approx((12, -7.2), abs=1.5)
    assert np.array_equal(moved[:, :20], picture[:, :20])  # the border stays
    assert np.array_equal(dark_spot(paster(square)), dark_spot(moved))  # not seen: it stays there
    assert dark_spot(paster(square, driver_at(0, 0))) - start == pytest.approx((0, 0), abs=0.2)


def test_it_never_goes_too_far():
    picture = np.full((400, 400, 3), 150, dtype=np.uint8)
    quad = tilted_quad((200, 200), 120, 0)
    paster, square = Paster(picture, quad), face_in(picture, quad)
    paster(square, driver_at(0, 0))
    far = dark_spot(paster(square, driver_at(900, 0)))
    assert 30 < far[0] - 200 < 0.3 * 120 + 2


def test_it_tilts_and_nears():
    picture = np.full((400, 400, 3), 150, dtype=np.uint8)
    quad = tilted_quad((200, 200), 120, 0)
    square = crop_quad(picture, quad, 128).copy()
    square[60:68, 44:84] = 0  # a bar across the face
    paster = Paster(picture, quad)
    level = paster(square, driver_at(0, 0))
    tilted = paster(square, driver_at(0, 0, degrees=20))
    near = paster(square, driver_at(0, 0, side=115))
    y, x = np.nonzero(tilted[..., 0] < 60)
    slope = np.degrees(np.arctan(np.polyfit(x, y, 1)[0]))
    assert slope == pytest.approx(20, abs=3)
    widths = [np.ptp(np.nonzero(image[..., 0] < 60)[1]) for image in (level, near)]
    assert widths[1] / widths[0] == pytest.approx(1.13, abs=0.04)


def test_another_driver_goes_on_from_there():
    picture = np.full((400, 400, 3), 150, dtype=np.uint8)
    quad = tilted_quad((200, 200), 120, 0)
    paster, square = Paster(picture, quad), face_in(picture, quad)
    paster(square, driver_at(0, 0))
    last = dark_spot(paster(square, driver_at(8, 0)))
    other = paster(square, driver_at(-200, 90, side=40, degrees=15), True)
    assert dark_spot(other) == pytest.approx(last, abs=0.01)


@pytest.mark.parametrize("centre", [(0, 0), (199, 100), (-500, 50), (100, 900)])
def test_a_quad_may_leave_the_picture(centre):
    picture = smooth_image(200, 200, 6)
    quad = tilted_quad(centre, 100, 30)
    result = paste_back(picture, quad, np.zeros((64, 64, 3), dtype=np.uint8))
    keep = outside(picture.shape, quad)
    assert result.shape == picture.shape
    assert np.array_equal(result[keep], picture[keep])
