"""Counters and where they live. Slices see `contract.py`; which store there is decides `place.py` alone."""

from __future__ import annotations

from .contract import Debt, Policy, State, Store, Tally
from .memory import MemoryStore
from .place import Place

__all__ = ["Debt", "MemoryStore", "Place", "Policy", "State", "Store", "Tally"]
