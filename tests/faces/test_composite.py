import numpy as np
import pytest

from stylexfer.faces import crop_quad, paste_back
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
    assert np.hypot(x.mean() - want[0], y.mean() - want[1]) < 0.5


def test_the_edge_is_soft_and_the_middle_replaced():
    picture = np.full((200, 200, 3), 50, dtype=np.uint8)
    quad = tilted_quad((100, 100), 120, 0)
    result = paste_back(picture, quad, np.full((256, 256, 3), 250, dtype=np.uint8))
    assert np.all(result[80:120, 80:120] == 250)
    assert np.abs(np.diff(result[100, :, 0].astype(int))).max() < 30
    assert np.array_equal(picture, np.full((200, 200, 3), 50))  # the input is left alone


@pytest.mark.parametrize("centre", [(0, 0), (199, 100), (-500, 50), (100, 900)])
def test_a_quad_may_leave_the_picture(centre):
    picture = smooth_image(200, 200, 6)
    quad = tilted_quad(centre, 100, 30)
    result = paste_back(picture, quad, np.zeros((64, 64, 3), dtype=np.uint8))
    keep = outside(picture.shape, quad)
    assert result.shape == picture.shape
    assert np.array_equal(result[keep], picture[keep])
