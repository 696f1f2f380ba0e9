"""Hold mappings and lists that remember where they stood in their file.

A `Map` is a dict and a `Seq` is a list, so pure code uses them as plain data and asks for a place only
where it has something to say to a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secmon.core.rule import Place

if TYPE_CHECKING:
    from collections.abc import Collection

Mark = tuple[int, int]
"""Line and column, both from 1; the column counts characters."""


class Map(dict[str, Any]):
    """A mapping with the marks of its keys and values.

    Attributes:
        mark: where it begins.
        key_marks: key -> where the key begins.
        value_marks: key -> where its value begins.
    """

    __slots__ = ("key_marks", "mark", "value_marks")

    def __init__(self, mark: Mark = (1, 1)) -> None:
        super().__init__()
        self.mark = mark
        self.key_marks: dict[str, Mark] = {}
        self.value_marks: dict[str, Mark] = {}

    def only(self, names: Collection[str]) -> Map:
        """Return the entries of some keys, each where it stood."""
        kept = Map(self.mark)
        for name in names:
            if name in self:
                kept[name] = self[name]
                kept.key_marks[name] = self.key_marks[name]
                kept.value_marks[name] = self.value_marks[name]
        return kept


class Seq(list[Any]):
    """A list with the marks of its items.

    Attributes:
        mark: where it begins.
        item_marks: where each item begins.
    """

    __slots__ = ("item_marks", "mark")

    def __init__(self, mark: Mark = (1, 1)) -> None:
        super().__init__()
        self.mark = mark
        self.item_marks: list[Mark] = []


def plain(value: Any) -> Any:
    """Return a value without its places: dicts, lists and scalars only.

    Args:
        value: a node of at most the reader's depth.

    Returns:
        JSON values.
    """
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def place_of(value: Any, file: str) -> Place:
    """Return where a document's top value begins; 1:1 for a scalar, which has no mark.

    Args:
        value: what the reader gave.
        file: the file as the person named it.

    Returns:
        The place.
    """
    mark = value.mark if isinstance(value, (Map, Seq)) else (1, 1)
    return Place(file, *mark)
