"""The signals of a driver and of what followed it, over time, as a picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PANEL = (900, 130)  # px, of one signal
MARGIN = (150, 20, 20, 34)  # px: left, top, right, bottom
# Colour-blind safe (Okabe and Ito 2008); the driver is black.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_FINE = 2  # drawn at twice the size, for smooth lines


def font(size: int) -> ImageFont.ImageFont:
    """Pillow's own, at `size` px."""
    return ImageFont.load_default(size)


def plot(
    series: Sequence[tuple[str, Mapping[str, np.ndarray]]], units: Mapping[str, str], fps: float
) -> np.ndarray:
    """uint8 `[H, W, 3]`: a panel for each key of `units`, a line for each of `series`.

    series: (name, signal -> `[frames]`, NaN is a gap), the driver first; units: signal -> label.
    """
    left, top, right, bottom = (_FINE * m for m in MARGIN)
    width, height = (_FINE * p for p in PANEL)
    legend = _FINE * 30
    size = (left + width + right, legend + top + len(units) * height + bottom)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    text = font(_FINE * 13)
    x = left
    for k, (name, _) in enumerate(series):
        colour = COLOURS[k % len(COLOURS)]
        draw.line([(x, legend / 2), (x + 40, legend / 2)], colour, 5)
        draw.text((x + 50, legend / 2), name, "black", text, "lm")
        x += 90 + round(draw.textlength(name, text))
    frames = max((len(v) for _, values in series for v in values.values()), default=1)
    for row, (key, label) in enumerate(units.items()):
        box = (left, legend + top + row * height, left + width, legend + top + (row + 1) * height)
        lines = [np.asarray(values[key], np.float64) for _, values in series]
        _panel(draw, box, lines, label, frames, text)
    bottom_line = legend + top + len(units) * height
    for second in range(int(frames / fps) + 1):
        x = left + width * second * fps / max(1, frames - 1)
        if x <= left + width:
            draw.text((x, bottom_line + 8), f"{second} s", "black", text, "mt")
    small = image.resize((size[0] // _FINE, size[1] // _FINE), Image.Resampling.BOX)
    return np.asarray(small)


def _panel(draw, box, lines: list[np.ndarray], label: str, frames: int, text) -> None:
    """One signal: frame, range and lines."""
    left, top, right, bottom = box
    draw.rectangle(box, outline="#bbbbbb", width=_FINE)
    known = np.concatenate([line[np.isfinite(line)] for line in lines] or [np.zeros(0)])
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    pad = 0.08 * (high - low)
    draw.text((left - 10, (top + bottom) / 2), label, "black", text, "rm")
    draw.text((left - 10, top + 6), f"{high:.3g}", "#777777", text, "rt")
    draw.text((left - 10, bottom - 6), f"{low:.3g}", "#777777", text, "rb")
    # the driver last, so that it stays to be seen
    for k in (*range(1, len(lines)), 0):
        points: list[tuple[float, float]] = []
        for frame, value in enumerate([*lines[k], np.nan]):
            if np.isfinite(value):
                x = left + (right - left) * frame / max(1, frames - 1)
                share = (value - low + pad) / (high - low + 2 * pad)
                points.append((x, bottom - (bottom - top) * share))
                continue
            if len(points) > 1:
                draw.line(points, COLOURS[k % len(COLOURS)], 3, joint="curve")
            points = []
