"""The Space's thumbnail, of the default pack and the free examples: python -m examples.thumbnail"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stylexfer.layouts import SIDE_BY_SIDE, mark_of
from stylexfer.media import open_picture, save_picture
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


def main() -> None:
    model = FaceTransfer.from_pretrained("default")
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
    main()
