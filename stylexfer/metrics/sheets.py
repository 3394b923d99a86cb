"""Pictures of an evaluation: a contact sheet of each model, and the paper's figures 3 and 4."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from stylexfer.metrics.passes import SAMPLES
from stylexfer.metrics.plots import font
from stylexfer.metrics.reading import square
from stylexfer.metrics.runner import Made
from stylexfer.metrics.store import from_jpeg

CELL = 128  # px
TITLE = 22
MOST = 24  # lines of the comparison


def _cell(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A stored picture at `CELL` px; grey where there is none."""
    if name not in arrays:
        return np.full((CELL, CELL, 3), 128, np.uint8)
    return square(from_jpeg(arrays[name]), CELL)


def titled(picture: np.ndarray, titles: Sequence[tuple[int, str]]) -> np.ndarray:
    """A strip of text above a picture: (x in px, text)."""
    image = Image.new("RGB", (picture.shape[1], picture.shape[0] + TITLE), "white")
    image.paste(Image.fromarray(picture), (0, TITLE))
    draw = ImageDraw.Draw(image)
    for x, text in titles:
        draw.text((x + 3, TITLE // 2), text, "black", font(13), "lm")
    return np.asarray(image)


def contact_sheet(drivers: Sequence[Made], cross: Sequence[Made]) -> np.ndarray:
    """Every pair of a model: crop above inversion, then the driver's samples above the outputs."""
    blocks = []
    for number, (driver, made) in enumerate(zip(drivers, cross, strict=True)):
        columns = [np.vstack([_cell(made[1], "crop"), _cell(made[1], "inversion")])]
        for k in range(SAMPLES):
            cells = [_cell(pass_[1], f"sample_{k}") for pass_ in (driver, made)]
            columns.append(np.vstack(cells))
        why = made[0].get("failure", "identity and inversion | driver, output")
        blocks.append(titled(np.hstack(columns), [(0, f"pair {number}: {why}")]))
    if len(blocks) % 2 and len(blocks) > 1:
        blocks.append(np.full_like(blocks[0], 255))
    across = 2 if len(blocks) > 1 else 1
    lines = [np.hstack(blocks[i : i + across]) for i in range(0, len(blocks), across)]
    return np.vstack(lines)


def comparison(drivers: Sequence[Made], rows: Sequence[tuple[str, Sequence[Made]]]) -> np.ndarray:
    """The paper's figure 4: a line a pair, of the driver, the identity and every model's output.

    The frame shown is the sample that the driver's head is turned furthest in.
    """
    lines = []
    for p, driver in enumerate(drivers[:MOST]):
        k = _turned_most(driver)
        cells = [_cell(driver[1], f"sample_{k}"), _cell(rows[0][1][p][1], "crop")]
        cells += [_cell(made[p][1], f"sample_{k}") for _, made in rows]
        lines.append(np.hstack(cells))
    names = ["driver", "identity", *(name for name, _ in rows)]
    return titled(np.vstack(lines), [(k * CELL, name) for k, name in enumerate(names)])


def _turned_most(driver: Made) -> int:
    """Number of the sample whose yaw is furthest from the clip's mean."""
    yaw = driver[1]["pose"][:, 0]
    places = np.linspace(0, max(0, len(yaw) - 1), SAMPLES).round().astype(int)
    away = np.abs(yaw[places] - np.nanmean(yaw)) if np.isfinite(yaw).any() else np.zeros(SAMPLES)
    return int(np.argmax(np.nan_to_num(away, nan=-1.0)))


def grid(made: Made, name: str) -> np.ndarray | None:
    """The paper's figure 3: drivers across, people down, all with all. None if nothing was made."""
    arrays = made[1]
    people = sum(key.startswith("crop_") for key in arrays)
    drivers = max((int(key.rsplit("_", 1)[1]) + 1 for key in arrays if "output" in key), default=0)
    if not people or not drivers:
        return None
    blank = np.full((CELL, CELL, 3), 255, np.uint8)
    lines = [np.hstack([blank, *(_cell(arrays, f"driver_{j}") for j in range(drivers))])]
    for i in range(people):
        cells = [_cell(arrays, f"output_{i}_{j}") for j in range(drivers)]
        lines.append(np.hstack([_cell(arrays, f"crop_{i}"), *cells]))
    return titled(np.vstack(lines), [(0, name)])
