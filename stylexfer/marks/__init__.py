"""What says that a file was made by a network: metadata, a signature, a watermark, a label."""

from stylexfer.marks.mark import LABEL, NOTICE, Mark, Source
from stylexfer.marks.stamp import Stamp

__all__ = ["LABEL", "NOTICE", "Mark", "Source", "Stamp"]
