"""In which order the texts of a part are looked at where looking at all may cost more than there is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice

from .crowds import Crowd
from .leaves import SHAPE, TEXT, Leaf
from .threats.budget import Budget
from .threats.screen import views
from .threats.sieve import Sifted

# More places than this are not told each.
_MANY = 256
# What a look at a text costs about, and a character of it: what may cost more than there is goes by what tells most.
_LOOKED_AT, _READ = 25_000, 400
# Of more than so many texts so many are looked at that tell nothing.
_ALL, _SILENT = 64, 4
# Of those that tell most so many are told apart by their length.
_FIRST = 128
# Characters of a text that is looked at before those which may take all there is.
_SHORT = 400


def ranked(
    leaves: Sequence[Leaf] | Crowd, budget: Budget, excused: bool, sure: bool
) -> tuple[Iterable[Leaf], dict[str, Sifted], bool]:  # fmt: skip
    """The leaves, where looking may cost more than there is those first that tell most; with what is to be looked at of
    these, and whether the others tell nothing, of which then few are there if only `sure` findings are wanted."""
    if isinstance(leaves, Crowd):
        if not excused:
            return _of_crowd(leaves, budget, sure)
        leaves = leaves.all()
    texts = list(map(TEXT, leaves))
    if len(leaves) > _MANY and not excused and not any(shape.skip for shape in set(map(SHAPE, leaves))):
        # Of each text the first place does.
        leaves = list(dict(zip(reversed(texts), reversed(leaves), strict=True)).values())[::-1]
    size = sum(map(len, texts))
    budget.grow(size)
    if len(leaves) < 2 or len(leaves) * _LOOKED_AT + size * _READ <= budget.left // 2:
        return leaves, {}, False
    told, whole = views(list(dict.fromkeys(texts)), budget)
    first = _in_order((leaf for leaf in leaves if leaf.text in told), told)
    short, others = _short(first, budget.left // 3)
    silent = (leaf for leaf in leaves if leaf.text not in told)
    few = whole and sure and len(leaves) > _ALL
    return chain(short, others, islice(silent, _SILENT) if few else silent), told, whole


def _of_crowd(crowd: Crowd, budget: Budget, sure: bool) -> tuple[Iterable[Leaf], dict[str, Sifted], bool]:
    """The same of texts that are looked at once each."""
    texts = crowd.texts
    size = sum(map(len, texts))
    budget.grow(size)
    if len(texts) < 2 or len(texts) * _LOOKED_AT + size * _READ <= budget.left // 2:
        return crowd.leaves(texts), {}, False
    told, whole = views(texts, budget)
    order = list(told)
    first, more = order[:_FIRST], order[_FIRST:]
    short, others = _short(_in_order(crowd.leaves(first), told), budget.left // 3)
    silent = (text for text in texts if text not in told)
    rest = (more, islice(silent, _SILENT) if whole and sure and len(texts) > _ALL else silent)
    # Where these stand is asked for when it is their turn.
    return chain(short, others, chain.from_iterable(map(crowd.leaves, rest))), told, whole


def _in_order(leaves: Iterable[Leaf], told: dict[str, Sifted]) -> list[Leaf]:
    order = {text: place for place, text in enumerate(told)}
    return sorted(leaves, key=lambda leaf: order[leaf.text])


def _short(leaves: Sequence[Leaf], most: int) -> tuple[list[Leaf], list[Leaf]]:
    """Of `leaves` the short ones that `most` pays for, and the others: no dense text hides what stands beside it."""
    short, others = [], []
    for leaf in leaves:
        cost = _LOOKED_AT + len(leaf.text) * _READ
        if len(leaf.text) <= _SHORT and cost <= most:
            most -= cost
            short.append(leaf)
        else:
            others.append(leaf)
    return short, others
