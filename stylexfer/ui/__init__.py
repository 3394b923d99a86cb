"""The page: `build_page` and what its tabs share."""

from stylexfer.ui.engine import Engine
from stylexfer.ui.limits import UploadLimit
from stylexfer.ui.page import CSS, build_page, page_theme
from stylexfer.ui.settings import page_head

__all__ = ["CSS", "Engine", "UploadLimit", "build_page", "page_head", "page_theme"]
