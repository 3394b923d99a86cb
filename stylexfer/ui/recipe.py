"""Who a person is who does not exist, as a line of text: seeds, truncations and shares.

    3@0.7*1              the person of seed 3, at truncation 0.7
    3@0.7*0.6 8@0.5*0.4  six parts of that one, and four of another

It is all that a browser keeps of a favourite, so it may come from anywhere.
"""

import re
from typing import NamedTuple

from stylexfer.errors import StylexferError
from stylexfer.ui import texts

LAST_SEED = 2**31 - 9  # eight people more are shown from there

_MOST = 8  # parts; a mix of mixes has more and more
_PART = re.compile(r"(\d{1,10})@([01](?:\.\d{1,4})?)\*([01](?:\.\d{1,4})?)", re.ASCII)


class Part(NamedTuple):
    """One of the people in a mix; the shares of a person's parts sum to 1."""

    seed: int
    truncation: float
    share: float


def _written(shares: dict[tuple[int, float], float]) -> str:
    """The largest shares, of a sum of 1."""
    largest = sorted(shares, key=lambda key: (-shares[key], key))[:_MOST]
    whole = sum(shares[key] for key in largest)
    parts = [(seed, truncation, shares[seed, truncation] / whole) for seed, truncation in largest]
    return " ".join(f"{s}@{t:.4g}*{round(share, 4):g}" for s, t, share in parts if share >= 5e-4)


def of_seed(seed: int | None, truncation: float) -> str:
    """The recipe of the person of a seed. StylexferError."""
    if seed is None or not 0 <= int(seed) <= LAST_SEED + 8 or not 0 <= truncation <= 1:
        raise StylexferError(texts.NO_SEED)
    return _written({(int(seed), round(float(truncation), 4)): 1.0})


def parts_of(recipe: str) -> list[Part]:
    """What a recipe says. StylexferError for any other text."""
    found = [_PART.fullmatch(word) for word in str(recipe)[:1000].split()]
    if not 0 < len(found) <= _MOST or not all(found):
        raise StylexferError(texts.NO_SEED)
    parts = [Part(int(m[1]), float(m[2]), float(m[3])) for m in found]
    fine = all(p.seed <= LAST_SEED + 8 and p.truncation <= 1 for p in parts)
    if not fine or abs(sum(p.share for p in parts) - 1) > 0.01:
        raise StylexferError(texts.NO_SEED)
    return parts


def mixed(first: str, second: str, share: float) -> str:
    """The recipe of somebody between two people; share: of the second, 0 .. 1."""
    shares: dict[tuple[int, float], float] = {}
    for recipe, weight in ((first, 1 - share), (second, share)):
        for part in parts_of(recipe):
            key = part.seed, part.truncation
            shares[key] = shares.get(key, 0.0) + weight * part.share
    return _written(shares)


def only_seed(recipe: str) -> int | None:
    """The seed of somebody who is no mix."""
    parts = parts_of(recipe)
    return parts[0].seed if len(parts) == 1 else None


def in_numbers(recipe: str) -> str:
    """What a person is called in any language: `3`, or `3 (60%) + 8 (40%)`."""
    parts = parts_of(recipe)
    if len(parts) == 1:
        return str(parts[0].seed)
    return " + ".join(f"{part.seed} ({part.share:.0%})" for part in parts)


def named(recipe: str) -> str:
    """What a person is called: `seed 3`, or `mix 3 (60%) + 8 (40%)`."""
    if len(parts_of(recipe)) == 1:
        return texts.SEED_CAPTION.format(seed=in_numbers(recipe))
    return texts.MIX_CAPTION.format(people=in_numbers(recipe))


def short_name(recipe: str) -> str:
    """The same in a few letters, to stand on a small picture."""
    parts = parts_of(recipe)
    return named(recipe) if len(parts) == 1 else " + ".join(str(part.seed) for part in parts)
