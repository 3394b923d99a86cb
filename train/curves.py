"""The curves of finished stages as one PNG: `python -m train.curves --runs runs --out FILE.png`."""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

STAGES = {  # those of them that were run are drawn
    "recognition": ("margin", "hits", "validation_eer", "validation_rank1"),
    "generator": ("l1", "gradient", "lpips", "fool"),
    "inversion": ("code1", "code2", "l1", "lpips"),
    "transfer": ("code", "motion", "l2", "lpips", "id", "validation_fl_corr", "validation_csim"),
}
COLOURS = ("#1f4e79", "#c55a11", "#548235", "#7f3f98", "#808000", "#c00000", "#008b8b")
WIDTH, HEIGHT, MARGIN = 460, 300, 44


def read_metrics(path: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Steps and values of each number in a `metrics.jsonl`."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        for key, value in row.items():
            steps, values = series.setdefault(key, ([], []))
            while steps and steps[-1] >= row["step"]:  # a killed run repeated these steps
                steps.pop(), values.pop()
            steps.append(row["step"])
            values.append(value)
    return series


def panel(title: str, series: dict, names: tuple[str, ...]) -> Image.Image:
    """One stage: values on a logarithmic axis over steps."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    shown = [(n, *series[n]) for n in names if n in series and max(series[n][1]) > 0]
    values = np.concatenate([[v for v in s[2] if v > 0] for s in shown])
    low, high = np.log10(values.min()), np.log10(values.max())
    last = max(s[1][-1] for s in shown)

    def place(step, value):
        x = MARGIN + (WIDTH - 2 * MARGIN) * step / last
        y = MARGIN + (HEIGHT - 2 * MARGIN) * (high - np.log10(value)) / max(high - low, 1e-6)
        return x, y

    draw.rectangle((MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN), outline="#bbbbbb")
    draw.text((MARGIN, 8), f"{title}: {last} steps", fill="black")
    for edge in (10**low, 10**high):
        draw.text((4, place(0, edge)[1] - 6), f"{edge:.2g}", fill="black")
    for k, (name, steps, line) in enumerate(shown):
        points = [place(s, v) for s, v in zip(steps, line, strict=True) if v > 0]
        draw.line(points, fill=COLOURS[k], width=2)
        place_of = (MARGIN + 125 * (k % 3), HEIGHT - 40 + 11 * (k // 3))
        draw.text(place_of, f"{name.removeprefix('validation_')} {line[-1]:.3f}", fill=COLOURS[k])
    return image


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="train.curves")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--out", type=Path, required=True, help="the PNG")
    args = parser.parse_args(argv)
    panels = [
        panel(stage, read_metrics(args.runs / stage / "metrics.jsonl"), names)
        for stage, names in STAGES.items()
        if (args.runs / stage / "metrics.jsonl").is_file()
    ]
    if not panels:
        parser.error(f"{args.runs} holds no run of a stage ({', '.join(STAGES)})")
    Image.fromarray(np.hstack([np.asarray(p) for p in panels])).save(args.out)


if __name__ == "__main__":
    main()
