"""What a file of ours says about itself, whatever the way in which it is said."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

LABEL = "AI-generated"

NOTICE = "AI-generated: made with stylexfer by a neural network, not recorded by a camera."


class Source(str, Enum):
    """IPTC digital source types, https://cv.iptc.org/newscodes/digitalsourcetype/"""

    GENERATED = "trainedAlgorithmicMedia"
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"  # what is shown is partly real

    @property
    def url(self) -> str:
        return f"http://cv.iptc.org/newscodes/digitalsourcetype/{self.value}"


@dataclass(frozen=True)
class Mark:
    """How a picture or clip is marked: XMP and a signed manifest always, a watermark, and a label
    that people see.

    label: drawn into a corner; None: no label. pack: the weights' name, for the manifest.
    watermark: False if the pixels have it already.
    """

    source: Source = Source.GENERATED
    label: str | None = LABEL
    pack: str | None = None
    watermark: bool = True

    GENERATED: ClassVar["Mark"]
    COMPOSITE: ClassVar["Mark"]


Mark.GENERATED = Mark(Source.GENERATED)
Mark.COMPOSITE = Mark(Source.COMPOSITE)
