"""Alignment against the outputs of the original code, see tests/reference."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from stylexfer.faces import align, crop_quad, ffhq_quad
from tests.reference import weights

FOLDER = Path(__file__).parents[1] / "reference" / "align"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
VECTORS = load_file(FOLDER / "vectors.safetensors")
CASES = sorted(name.removesuffix(".image") for name in MANIFEST["input_recipes"])
# The 4096 px transform of the two largest takes 7 s each; the others cover every branch of it.
LARGE = {"shrink", "huge_face_pad"}


def picture(case: str) -> np.ndarray:
    height, width, seed = (
        int(number)
        for number in MANIFEST["input_recipes"][f"{case}.image"].split("(")[1][:-1].split(",")
    )
    return weights.smooth_image(height, width, seed)


def matches(case: str, output: str, got: np.ndarray) -> bool:
    want = VECTORS[f"out.{case}.{output}"].ravel()
    assert np.array_equal(got.ravel()[weights.sample_indices(got.size)], want)
    digest = hashlib.sha256(got.tobytes()).hexdigest()
    return digest == MANIFEST["outputs"][f"{case}.{output}"]["sha256"]


@pytest.mark.parametrize("case", CASES)
def test_restyle_alignment_is_bit_exact(case):
    landmarks = VECTORS[f"in.{case}.landmarks"]
    assert matches(case, "restyle_256", align(picture(case), landmarks, 256))


@pytest.mark.parametrize("case", [case for case in CASES if case not in LARGE])
def test_ffhq_alignment_is_bit_exact(case):
    landmarks = VECTORS[f"in.{case}.landmarks"]
    assert matches(case, "ffhq_1024_t4096", align(picture(case), landmarks, 1024, 4096))


def test_quad_is_a_square_in_the_faces_own_order():
    quad = ffhq_quad(VECTORS["in.tilted.landmarks"])
    sides = np.roll(quad, -1, axis=0) - quad
    lengths = np.hypot(*sides.T)
    assert np.allclose(lengths, lengths[0])
    assert abs(sides[0] @ sides[1]) < 1e-6 * lengths[0] ** 2
    assert quad[0, 1] < quad[1, 1] and quad[0, 0] < quad[3, 0]  # top-left is first, then down


@pytest.mark.parametrize("case", ["inside", "tilted", "profile"])
def test_crop_quad_agrees_with_align_inside_the_picture(case):
    image, landmarks = picture(case), VECTORS[f"in.{case}.landmarks"]
    fast = crop_quad(image, ffhq_quad(landmarks), 256).astype(int)
    assert np.abs(fast - align(image, landmarks, 256)).mean() < 2


def test_crop_quad_of_an_upright_square_is_the_pixels_themselves():
    image = weights.smooth_image(90, 120, 1)
    left, top, side = 20, 10, 64
    quad = np.array([(0, 0), (0, side), (side, side), (side, 0)]) + (left - 0.5, top - 0.5)
    assert np.array_equal(crop_quad(image, quad, side), image[top : top + side, left : left + side])


def test_crop_quad_averages_a_large_face():
    checks = np.indices((1000, 1000)).sum(axis=0) % 2 * 255
    image = np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)
    quad = np.array([(100, 100), (100, 900), (900, 900), (900, 100)], dtype=float)
    assert np.abs(crop_quad(image, quad, 100).astype(int) - 127).max() < 8


@pytest.mark.parametrize("shift", [(0, 0), (-50, -50), (60, 30), (-5000, 0), (5000, 5000)])
@pytest.mark.parametrize("side", [3, 40, 400])
def test_crop_quad_accepts_any_place(shift, side):
    image = np.full((48, 64, 3), 77, dtype=np.uint8)
    quad = np.array([(0, 0), (0, side), (side, side), (side, 0)], dtype=float) + shift
    crop = crop_quad(image, quad, 32)
    assert crop.shape == (32, 32, 3)
    assert np.all(crop == 77)
