"""Find the word that somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD_LIMIT = 64


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that differs from a word by at most two typing mistakes.

    A word of up to four letters may differ by one, so that `udp` is not taken for `tcp`.

    Args:
        word: as it was typed.
        candidates: what would have been right.

    Returns:
        The closest; of several, the one that begins most like the word; None where none is close.
    """
    if len(word) > _WORD_LIMIT:
        return None
    folded = word.casefold().replace("_", "-")
    limit = 1 if len(word) <= 4 else 2
    best: tuple[int, int, str] | None = None
    for candidate in sorted(set(candidates)):
        if abs(len(candidate) - len(word)) > limit:
            continue
        other = candidate.casefold().replace("_", "-")
        gap = distance(folded, other)
        if gap <= limit:
            rank = (gap, -_shared_beginning(folded, other), candidate)
            best = rank if best is None else min(best, rank)
    return best[2] if best else None


def _shared_beginning(left: str, right: str) -> int:
    pairs = zip(left, right, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))


def distance(left: str, right: str) -> int:
    """Return how many insertions, deletions, changes and swaps of neighbours lead from one text to another.

    Optimal string alignment: the restricted Damerau-Levenshtein distance.

    Args:
        left: one text.
        right: the other.

    Returns:
        0 where they are equal.
    """
    before: list[int] = []
    above = list(range(len(right) + 1))
    for row, letter in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == right[column - 2] and left[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, above = above, current
    return above[-1]


def suggest(word: str, candidates: Iterable[str]) -> str:
    """Return advice for a word that is none of the candidates.

    Args:
        word: as it was typed.
        candidates: what would have been right.

    Returns:
        `did you mean X?`, or the whole list where it is short, or "".
    """
    known = sorted(set(candidates))
    close = nearest(word, known)
    if close is not None:
        return f"did you mean {close}?"
    listed = ", ".join(known)
    return f"one of {listed}" if 0 < len(listed) <= 160 else ""
