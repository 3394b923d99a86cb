"""From seeds to people in front of the camera: what all commands of this folder draw with."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from train.heads.conditions import sample_conditions
from train.heads.corpus import clip_seed
from train.heads.hair import sample_hair
from train.heads.identity import sample_identity
from train.heads.params import Conditions, Hair, Identity, State
from train.heads.render import Frame, Person, Renderer


@dataclass(frozen=True)
class Shot:
    """A person as dressed and lit in one clip, and all that was sampled for it."""

    person: Person
    identity: Identity
    hair: Hair
    conditions: Conditions

    def parameters(self) -> dict:
        """Everything sampled, for JSON."""
        return {k: asdict(getattr(self, k)) for k in ("identity", "hair", "conditions")}


class Stage:
    """A renderer, and the sampling of whom it shows."""

    def __init__(self, size: int = 256, device: str = "cpu", supersample: int = 2):
        self.renderer = Renderer(size=size, supersample=supersample, device=device)

    @property
    def actions(self) -> Sequence[str]:
        return self.renderer.head.actions

    def shot(self, identity: int, clip: int) -> Shot:
        """The person of seed `identity`, with the hair, light, clothes and backdrop of `clip`."""
        who = sample_identity(self.renderer.head, identity)
        seed = clip_seed(identity, clip)
        hair, conditions = sample_hair(who, seed), sample_conditions(who, seed)
        return Shot(self.renderer.person(who, hair, conditions), who, hair, conditions)

    def frame(self, shot: Shot, state: State, align: str = "ffhq", margin: float = 1.0) -> Frame:
        """As `Renderer.frame`."""
        return self.renderer.frame(shot.person, state, align=align, margin=margin)
