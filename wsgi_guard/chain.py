"""The layers of a guard, bound once: which of their methods exist, and in which order each kind is walked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .facts import Facts
from .layer import After, Before, Finish, Layer

Afters = tuple[tuple[After, Layer], ...]


class Own:
    """Stands for the guard where its own step, `Facts.publish`, fails."""

    name = "guard"


class Chain:
    """Bound methods of `layers` (outermost first).

    `inward` is every `before`, outside-in, then `Facts.publish`, then every `prepare`; each step comes with the afters
    of its own layer and those around it, which is what an answer of that step leaves through. `afters` and `finishes`
    run inside-out. `around` are those that watch from outside all layers: they decide nothing and answer nothing.
    """

    __slots__ = ("afters", "around", "finishes", "inward", "layers", "starts")

    def __init__(self, layers: Sequence[Layer], around: Sequence[Layer] = ()) -> None:
        self.layers = tuple(layers)
        self.around = tuple(around)
        self.afters = _afters(self.layers)
        watched = (*self.around, *self.layers)
        befores: list[tuple[Before, Layer, Afters]] = [
            (method, layer, ()) for layer in self.around if (method := _method(layer, "before"))
        ]
        befores += [
            (method, layer, _afters(self.layers[: at + 1]))
            for at, layer in enumerate(self.layers)
            if (method := _method(layer, "before"))
        ]
        prepares: list[tuple[Before, Layer, Afters]] = [
            (method, layer, self.afters) for layer in self.layers if (method := _method(layer, "prepare"))
        ]
        self.inward = (*befores, (Facts.publish, Own(), self.afters), *prepares)
        self.finishes: tuple[tuple[Finish, Layer], ...] = tuple(
            (method, layer) for layer in reversed(watched) if (method := _method(layer, "finish"))
        )
        self.starts = tuple((method, layer) for layer in watched if (method := _method(layer, "start")))


def _afters(layers: Sequence[Layer]) -> Afters:
    return tuple((method, layer) for layer in reversed(layers) if (method := _method(layer, "after")))


def _method(layer: Layer, name: str) -> Callable[..., Any] | None:
    method = getattr(layer, name, None)
    return method if callable(method) else None
