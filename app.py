"""The demo, here and as a Hugging Face Space: pick a pack, build the page, launch.

python app.py                       the default pack, on the CPU or the GPU
python app.py --pack FOLDER_OR_HUB_ID --port 7861
"""

import argparse
import atexit
import os
import shutil
import tempfile
from importlib.util import find_spec

# Before Gradio is imported: it reads these then. Nothing here may need or call the network.
if "GRADIO_TEMP_DIR" not in os.environ:  # one of its own: all of it is deleted after an hour
    os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp(prefix="stylexfer-")
    atexit.register(shutil.rmtree, os.environ["GRADIO_TEMP_DIR"], ignore_errors=True)
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# Torch makes this folder wherever an optimiser steps, although nothing is compiled here.
os.environ.setdefault(
    "TORCHINDUCTOR_CACHE_DIR", os.path.join(os.environ["GRADIO_TEMP_DIR"], "inductor")
)
# Before torch is: visitors share the cores, and threads that spin while they wait starve them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

try:
    import spaces  # on ZeroGPU it has to come before torch
except ImportError:
    spaces = None

from starlette.middleware import Middleware

from stylexfer.baseline import load_model
from stylexfer.errors import StylexferError
from stylexfer.packs import default_pack
from stylexfer.ui import CSS, Engine, UploadLimit, build_page, page_head, page_theme


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--pack",
        default=default_pack(),
        help="a name in checkpoints/, a folder, or a Hub id (user/pack@COMMIT); also $STYLEXFER_PACK",
    )
    parser.add_argument(
        "--port", type=int, help="also $GRADIO_SERVER_PORT; else the first free one"
    )
    return parser.parse_args(arguments)


def on_gpu(function, seconds):
    """Lend `function` a GPU while it runs; only on ZeroGPU does this do anything."""
    return spaces.GPU(duration=seconds)(function) if spaces else function


# At module level, because a Space may import this file and look for `demo`.
options = parse(None if __name__ == "__main__" else [])
try:
    demo = build_page(Engine(load_model(options.pack), on_gpu))
except StylexferError as problem:  # no such pack, say: one line, no traceback
    raise SystemExit(f"stylexfer: {problem}") from None

if __name__ == "__main__":
    demo.launch(
        server_port=options.port,
        theme=page_theme(),
        css=CSS,
        head=page_head(demo),
        footer_links=["api"],
        run_history=False,  # it would keep faces in the browser
        max_file_size="100mb",
        app_kwargs={"middleware": [Middleware(UploadLimit)]},
        mcp_server=find_spec("mcp") is not None,
        state_session_capacity=50,
        ssr_mode=False,
    )
