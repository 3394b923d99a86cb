"""Which face of a picture a visitor means, where there are several."""

from stylexfer.ui.session import Visitor, content_key

_PICTURES = 64  # whose choice is remembered


def choose_face(visitor: Visitor, path: str, which: int) -> None:
    """Use the face at position `which` of `find_faces` from now on."""
    _, digest = content_key("face", path)
    visitor.faces[digest] = which
    visitor.faces.move_to_end(digest)
    while len(visitor.faces) > _PICTURES:
        visitor.faces.popitem(last=False)


def chosen_face(visitor: Visitor, path: str) -> int | None:
    """What was chosen for the picture, whatever its file is called; None: nothing yet."""
    return visitor.faces.get(content_key("face", path)[1]) if visitor.faces else None
