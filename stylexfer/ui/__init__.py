"""The page: `build_page` and what its tabs share."""

from stylexfer.ui.engine import Engine
from stylexfer.ui.page import CSS, build_page, page_theme

__all__ = ["CSS", "Engine", "build_page", "page_theme"]
