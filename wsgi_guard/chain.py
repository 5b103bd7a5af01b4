"""The layers of a guard, bound once: which of their methods exist, and in which order each kind is walked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .layer import After, Before, Finish, Layer

Afters = tuple[tuple[After, Layer], ...]


class Chain:
    """Bound methods of `layers` (outermost first).

    `befores` runs outside-in; each comes with the afters of its own layer and those around it, which is what an answer
    of that layer leaves through. `afters` and `finishes` run inside-out.
    """

    __slots__ = ("afters", "befores", "finishes", "layers", "prepares", "starts")

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        self.befores: tuple[tuple[Before, Layer, Afters], ...] = tuple(
            (method, layer, _afters(self.layers[: at + 1]))
            for at, layer in enumerate(self.layers)
            if (method := _method(layer, "before")) is not None
        )
        self.prepares = tuple(m for layer in self.layers if (m := _method(layer, "prepare")))
        self.afters = _afters(self.layers)
        self.finishes: tuple[Finish, ...] = tuple(
            m for layer in reversed(self.layers) if (m := _method(layer, "finish"))
        )
        self.starts = tuple(m for layer in self.layers if (m := _method(layer, "start")))


def _afters(layers: Sequence[Layer]) -> Afters:
    return tuple((m, layer) for layer in reversed(layers) if (m := _method(layer, "after")))


def _method(layer: Layer, name: str) -> Callable[..., Any] | None:
    method = getattr(layer, name, None)
    return method if callable(method) else None
