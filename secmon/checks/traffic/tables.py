"""Keep tables that never outgrow their limit: the entry that was touched longest ago gives way."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A mapping of at most `limit` entries in the order in which they were last written."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def get(self, key: K) -> V | None:
        """Return the value of a key, None where it is absent; does not count as a touch."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """Write an entry and make it the newest.

        Returns:
            The oldest entry, where it had to give way.
        """
        self._entries[key] = value
        self._entries.move_to_end(key)
        return self._entries.popitem(last=False) if len(self._entries) > self._limit else None

    def pop(self, key: K) -> V | None:
        """Remove an entry and return its value, None where it is absent."""
        return self._entries.pop(key, None)

    def items(self) -> Iterator[tuple[K, V]]:
        """Yield the entries, the one that was written longest ago first; nothing may be written meanwhile."""
        return iter(self._entries.items())

    def drop_while(self, is_over: Callable[[V], bool]) -> None:
        """Remove the entries that were written longest ago, up to the first that is not over."""
        while self._entries:
            key = next(iter(self._entries))
            if not is_over(self._entries[key]):
                break
            del self._entries[key]
