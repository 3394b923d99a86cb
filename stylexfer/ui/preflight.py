"""Before anything is computed: which faces a picture shows, drawn and told in words.

A look beneath an input. It takes the detector some 50 ms, in a line of its own, and keeps nobody
from trying: only where there is no face, or several, a run would refuse the picture too.
"""

import base64
import io
from html import escape

import gradio as gr
import numpy as np
from gradio.events import Dependency
from PIL import Image

from stylexfer.errors import StylexferError
from stylexfer.faces.detect import NO_FACE, Face, clear_faces, find_faces
from stylexfer.faces.fitness import Doubt, doubts, lies_aside
from stylexfer.media import open_picture
from stylexfer.ui import texts
from stylexfer.ui.chosen import choose_face, chosen_face
from stylexfer.ui.guard import guarded
from stylexfer.ui.session import Visitor
from stylexfer.ui.terms import allowed

LOOK = {"concurrency_id": "look", "concurrency_limit": 2}

_AROUND = 0.6  # of the largest face's side that is shown around the faces
_DRAWN = 480  # pixels of the drawing's longer side

_WORDS = {
    Doubt.SMALL: texts.FACE_SMALL,
    Doubt.TURNED: texts.FACE_TURNED,
    Doubt.CUT_OFF: texts.FACE_CUT_OFF,
    Doubt.BLURRED: texts.FACE_BLURRED,
    Doubt.DARK: texts.FACE_DARK,
}

# A face is a button, so that it can be chosen by keyboard; the focus outlives the new drawing.
_TEMPLATE = '<div class="found" role="status">${value}</div>'
_ON_LOAD = """
element.addEventListener("click", (event) => {
  const face = event.target.closest("button[data-which]");
  if (face) trigger("select", { index: Number(face.dataset.which), value: null });
});
watch("value", () => {
  if (document.activeElement === document.body)
    element.querySelector("button[aria-pressed=true]")?.focus({ preventScroll: true });
});
"""
# The drawing belongs to the input above it.
LOOK_CSS = """
.column:has(> .look) { gap: 6px; }
.look .html-container { padding: 0; }
"""
_CSS = """
.found { display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center; min-height: 20px; }
.found p { flex: 1 1 110px; margin: 0; font-size: var(--text-sm);
  color: var(--body-text-color-subdued); }
.found .problem { color: var(--body-text-color); border-left: 3px solid #d97706; padding-left: 8px; }
.found .drawing { position: relative; flex: 0 0 64px; max-width: 100%; }
.found .drawing.several { flex: 1 1 100%; }
.found img { display: block; width: 100%; border-radius: var(--radius-md); }
.found svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.found rect { fill: none; stroke: #22c55e; stroke-width: 2; vector-effect: non-scaling-stroke; }
.found path { stroke: #fff; stroke-width: 2; stroke-linecap: round;
  vector-effect: non-scaling-stroke; }
.found button { position: absolute; padding: 0; border: 2px solid #fff; border-radius: 4px;
  background: rgb(0 0 0 / 0.15); box-shadow: 0 0 0 1px rgb(0 0 0 / 0.6); cursor: pointer; }
.found button[aria-pressed="true"] { border-color: #22c55e; background: none; }
.found button span { position: absolute; left: 0; top: 0; min-width: 20px; padding: 0 4px;
  font-size: 13px; line-height: 20px; color: #fff; background: rgb(0 0 0 / 0.75); }
.found button[aria-pressed="true"] span { background: #15803d; }
"""


def _said(*words: str, problem: bool = False) -> str:
    kind = ' class="problem"' if problem else ""
    return "".join(f"<p{kind}>{escape(text, quote=False)}</p>" for text in words)


def _region(picture: np.ndarray, faces: list[Face]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is drawn: the faces and something around them."""
    height, width = picture.shape[:2]
    margin = _AROUND * max(face.side for face in faces)
    boxes = np.array([face.box for face in faces])
    low = np.clip(boxes[:, :2].min(axis=0) - margin, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(boxes[:, 2:].max(axis=0) + margin).astype(int), low + 1, (width, height))
    return (*low.tolist(), *high.tolist())


def _drawing(picture: np.ndarray, faces: list[Face], named: list[tuple[int, bool]]) -> str:
    """The faces, the last to be seen best. named: of each of several, its position in `find_faces`
    and whether it is the chosen one."""
    left, top, right, bottom = _region(picture, faces)
    width, height = right - left, bottom - top
    part = Image.fromarray(picture[top:bottom, left:right])
    part.thumbnail((_DRAWN, _DRAWN), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    part.save(file, "JPEG", quality=80)
    source = base64.b64encode(file.getvalue()).decode()
    over = ""
    if named:
        order = sorted(range(len(faces)), key=lambda k: faces[k].box[0])  # numbers read from left
        for number, k in enumerate(order, 1):
            which, pressed = named[k]
            x, y, x2, y2 = faces[k].box
            place = (
                f"left:{(x - left) / width:.2%};top:{(y - top) / height:.2%};"
                f"width:{(x2 - x) / width:.2%};height:{(y2 - y) / height:.2%}"
            )
            label = escape(texts.FACE_NUMBER.format(number=number))
            over += (
                f'<button type="button" data-which="{which}" aria-pressed="{str(pressed).lower()}"'
                f' aria-label="{label}" style="{place}"><span>{number}</span></button>'
            )
    else:
        face = faces[0]
        dots = " ".join(f"M{x - left} {y - top}h0" for x, y in face.landmarks)
        x, y, x2, y2 = face.box
        over = (
            f'<svg viewBox="0 0 {width} {height}" aria-hidden="true"><rect x="{x - left}" '
            f'y="{y - top}" width="{x2 - x}" height="{y2 - y}"/><path d="{dots}"/></svg>'
        )
    kind = "drawing several" if named else "drawing"
    return f'<div class="{kind}"><img alt="" src="data:image/jpeg;base64,{source}">{over}</div>'


def _doubts(picture: np.ndarray, face: Face) -> list[str]:
    return [_WORDS[doubt].format(side=face.side) for doubt in doubts(picture, face)]


def found_in(picture: np.ndarray, which: int | None = None) -> str:
    """What a visitor should see of a picture uint8 `[H, W, 3]`, as HTML. which: the face that was
    chosen, as a position in `find_faces`."""
    faces = find_faces(picture)
    if not faces:
        return _said(texts.FACE_ON_SIDE if lies_aside(picture) else NO_FACE, problem=True)
    clear = clear_faces(faces)
    if len(clear) == 1:
        found = _doubts(picture, faces[clear[0]])
        words = _said(*found, problem=True) if found else _said(texts.FACE_FOUND)
        return _drawing(picture, [faces[clear[0]]], []) + words
    drawing = _drawing(picture, [faces[k] for k in clear], [(k, k == which) for k in clear])
    if which not in clear:
        return drawing + _said(texts.FACES_FOUND.format(count=len(clear)), problem=True)
    words = _said(texts.FACE_CHOSEN) + _said(*_doubts(picture, faces[which]), problem=True)
    return drawing + words


def looked_at(visitor: Visitor, path: str | None, empty: str) -> str:
    """The look at the file in an input, as HTML. empty: what is said while there is none."""
    if not path:
        return _said(empty)
    if visitor.edits.place(path):
        return _said(texts.STEP_GOES_ON)
    try:
        picture = open_picture(allowed(visitor, path))
    except StylexferError as error:
        return _said(str(error), problem=True)
    return found_in(picture, chosen_face(visitor, path))


def preflight(
    picture: gr.Image, visitor: gr.State, agreed: Dependency, empty: str, name: str
) -> None:
    """The look at what is in `picture`, beneath it. agreed: what runs when somebody may have agreed
    to the use of faces. empty: shown while there is no file. name: its id in the page."""
    shown = gr.HTML(
        _said(empty),
        html_template=_TEMPLATE,
        css_template=_CSS,
        js_on_load=_ON_LOAD,
        apply_default_css=False,
        elem_classes="look",
        elem_id=name,
    )

    @guarded
    def look(path: str | None, visitor: Visitor) -> str:
        return looked_at(visitor, path, empty)

    @guarded
    def choose(path: str | None, visitor: Visitor, event: gr.SelectData) -> str:
        if path and isinstance(event.index, int):
            choose_face(visitor, path, event.index)
        return looked_at(visitor, path, empty)

    quiet = {"show_progress": "hidden", "api_visibility": "private", **LOOK}
    picture.change(look, [picture, visitor], shown, trigger_mode="always_last", **quiet)
    agreed.then(look, [picture, visitor], shown, **quiet)
    shown.select(choose, [picture, visitor], shown, **quiet)
