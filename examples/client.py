"""A running app, used from a script: pip install gradio_client, start app.py, and then

python examples/client.py http://127.0.0.1:7860 --out results

It takes the free example pictures beside this file. Put your own in their place, of people who agree.
"""

import argparse
import shutil
from pathlib import Path

from gradio_client import Client, handle_file

HERE = Path(__file__).resolve().parent
PORTRAIT = handle_file(HERE / "photos/grace_hopper.jpg")
PAINTING = handle_file(HERE / "paintings/mona_lisa_joconde.jpg")
DRIVER = handle_file(HERE / "photos/collins_astronaut.png")
CLIP = handle_file(HERE / "clips/clip_a.mp4")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Use a running app from a script.")
    parser.add_argument("address", help="of the app, or the name of a Space (user/name)")
    parser.add_argument("--out", type=Path, default=Path("results"))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    # What is downloaded first lands in a folder of its own, by content.
    client = Client(options.address, download_files=options.out / "downloads")

    def keep(path: str, name: str) -> None:
        shutil.copy(path, options.out / name)
        print(options.out / name)

    print("pack:", client.predict(api_name="/list_options")["pack"])

    # A picture drives a picture. consent=True says that you may use the faces.
    result = client.predict(
        portrait=PORTRAIT,
        driver=DRIVER,
        consent=True,
        layout="pasted",
        api_name="/transfer_picture",
    )
    keep(result, "picture.png")

    # A person who does not exist, as a file that later calls take for a portrait.
    person, picture = client.predict(seed=7, api_name="/random_person")
    keep(picture, "person.png")

    # One second of a clip; `submit` does not wait, so that its progress can be told.
    job = client.submit(
        portrait=handle_file(person),
        clip=CLIP,
        consent=True,
        start_at=2,
        end_at=3,
        api_name="/transfer_clip",
    )
    clip, account = job.result()
    keep(clip, "clip.mp4")
    print(account)

    # Every portrait by every driver: a zip with a manifest.
    archive, manifest = client.predict(
        portraits=[PORTRAIT, PAINTING, handle_file(person)],
        drivers=[DRIVER],
        consent=True,
        api_name="/batch",
    )
    keep(archive, "batch.zip")
    print(f"{manifest['done']} of {len(manifest['items'])} made")


if __name__ == "__main__":
    main()
