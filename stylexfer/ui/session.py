"""What the page remembers of one visitor. It lives in a `gr.State`, never in a module."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from stylexfer.ui.edits import Edits

Kept = TypeVar("Kept")

# Eight people of the gallery and a few portraits and drivers. A person of a 1024 px pack takes 6 MB.
_CAPACITY = 16
_AT_MOST = {"tuned": 3}  # of a kind: each has a generator's weights, 9 MB with the default pack


class Run:
    """One clip on its way, which the stop button may end. label: see `Visitor`."""

    def __init__(self, label: bool = True, stopped: bool = False) -> None:
        self.stopped = stopped
        self.label = label


class Visitor:
    """The latest identities and driver crops, by content, and the runs under way, by tab.

    agreed: has said that the faces sent here may be used. label: results say visibly that they are
    AI-generated. ending: of the files of results. edits: the steps of the picture tab. faces: which
    face of a picture is used, see chosen.py.
    """

    def __init__(self, agreed: bool = False, label: bool = True, ending: str = ".png") -> None:
        self.agreed = agreed
        self.label = label
        self.ending = ending
        self.edits = Edits()
        self.faces: OrderedDict[str, int] = OrderedDict()
        self._kept: OrderedDict[tuple, object] = OrderedDict()
        self._runs: WeakValueDictionary[str, Run] = WeakValueDictionary()  # until they end
        self._refused: set[str] = set()

    def remember(self, key: tuple, make: Callable[[], Kept]) -> Kept:
        """What `make` returned for `key` before, else what it returns now."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = make()
        self._kept[key] = value
        alike = [other for other in self._kept if other[0] == key[0]]
        if len(alike) > _AT_MOST.get(key[0], _CAPACITY):
            del self._kept[alike[0]]
        while len(self._kept) > _CAPACITY:
            self._kept.popitem(last=False)
        return value

    def recall(self, key: tuple) -> object | None:
        """What is kept for `key`, else None."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def ask(self, tab: str) -> None:
        """A run is asked for, and waits in line."""
        self._refused.discard(tab)

    def start(self, tab: str) -> Run:
        """A run begins; hold on to it while it lasts. It is stopped if that was asked in line."""
        self._runs[tab] = run = Run(self.label, tab in self._refused)
        self._refused.discard(tab)
        return run

    def stop(self, tab: str) -> None:
        """End the tab's run, or keep the one that waits from beginning."""
        if run := self._runs.get(tab):
            run.stopped = True
        else:
            self._refused.add(tab)


def content_key(kind: str, path: str) -> tuple[str, str]:
    """The key under which to `remember` what is made of a file, whatever it is called."""
    digest = hashlib.blake2b()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return kind, digest.hexdigest()
