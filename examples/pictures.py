"""The Space's thumbnail and the README's strip, of the default pack and the free examples:

python -m examples.pictures
"""

from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylexfer.layouts import SIDE_BY_SIDE, mark_of
from stylexfer.media import open_picture, probe, read_frames, save_picture
from stylexfer.transfer import FaceTransfer

HERE = Path(__file__).resolve().parent
SIZE, SIDE, GAP, LEFT, TOP = (1200, 630), 200, 20, 60, 130
INK, QUIET, PAPER, LINE = "#0f172a", "#64748b", "#f8fafc", "#2563eb"
DRIVER = "photos/collins_astronaut.png"
PORTRAITS = (
    "paintings/mona_lisa_joconde.jpg",
    "paintings/morisot_self_portrait_1885.jpg",
    "photos/grace_hopper.jpg",
)
CLIP, EVERY, CELL = "clips/clip_b.mp4", 50, 160  # of the strip: frames, px
STRIP = (
    "paintings/mona_lisa_joconde.jpg",
    "photos/grace_hopper.jpg",
    "paintings/freecol_simonBolivar.png",
)


def strip(model: FaceTransfer) -> None:
    """A driver in five frames above; a row for each person: crop, inversion, results."""
    path = HERE / CLIP
    frames = list(islice(read_frames(path, probe(path)), 0, 5 * EVERY, EVERY))
    people = [model.identify(open_picture(HERE / name)) for name in STRIP]
    people.append(model.random_identity(7))
    rows = [list(model.animate(person, frames, steadiness=0)) for person in people]
    sheet = Image.new("RGB", (7 * CELL, (1 + len(rows)) * CELL), PAPER)

    def put(picture: np.ndarray, column: int, row: int) -> None:
        picture = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)
        sheet.paste(picture, (column * CELL, row * CELL))

    for column, result in enumerate(rows[0], start=2):
        put(result.driving, column, 0)
    for row, (person, results) in enumerate(zip(people, rows, strict=True), start=1):
        for column, picture in enumerate(
            [person.crop, person.inversion, *(r.image for r in results)]
        ):
            put(picture, column, row)
    save_picture(HERE / "strip.png", np.asarray(sheet), mark_of(SIDE_BY_SIDE, False, "default"))


def thumbnail(model: FaceTransfer) -> None:
    """Three portraits and a random person above, the same with the driver's face below."""
    driver = open_picture(HERE / DRIVER)
    people = [model.identify(open_picture(HERE / name)) for name in PORTRAITS]
    people.append(model.random_identity(7))
    results = [next(model.animate(person, [driver], steadiness=0)) for person in people]

    sheet = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(sheet)

    def put(picture: np.ndarray, column: int, row: int) -> None:
        picture = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(picture, (LEFT + column * (SIDE + GAP), TOP + row * (SIDE + GAP)))

    def write(text: str, column: int, y: int, size: int, colour: str) -> None:
        font = ImageFont.load_default(size)
        draw.text((LEFT + column * (SIDE + GAP), y), text, fill=colour, font=font)

    write("Pose and expression transfer", 0, 36, 46, INK)
    put(results[0].driving, 0, 1)
    write("driver", 0, TOP + 2 * SIDE + GAP + 8, 22, LINE)
    for column, (person, result) in enumerate(zip(people, results, strict=True), start=1):
        put(person.crop, column, 0)
        put(result.image, column, 1)
    write("portraits", 0, TOP + SIDE // 2 - 14, 22, QUIET)
    write(
        "with the driver's pose and expression, made by AI", 1, TOP + 2 * SIDE + GAP + 8, 22, LINE
    )
    save_picture(HERE / "thumbnail.jpg", np.asarray(sheet), mark_of(SIDE_BY_SIDE, False, "default"))


if __name__ == "__main__":
    network = FaceTransfer.from_pretrained("default")
    thumbnail(network)
    strip(network)
