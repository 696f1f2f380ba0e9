"""Throw dice that fall alike for everybody who names them alike."""

from __future__ import annotations

import random


def dice(*names: object) -> random.Random:
    """Return a source of randomness.

    Args:
        names: what it is for; the same names give the same numbers on every machine.
    """
    return random.Random("/".join(map(str, names)))  # noqa: S311  # the dice of a game, not a secret
