from __future__ import annotations

from secmon.core.nodes import Map, Seq, place_of, plain
from tests.support.rulebook import read


def test_nodes_are_plain_data():
    node = read("a: [1, {b: x}]")
    assert node == {"a": [1, {"b": "x"}]}
    bare = plain(node)
    assert type(bare) is dict
    assert type(bare["a"]) is list
    assert type(bare["a"][1]) is dict


def test_a_part_keeps_its_places():
    node = read("a: 1\nb: 2\nc: 3\n")
    part = node.only(["c", "a", "z"])
    assert part == {"a": 1, "c": 3}
    assert part.key_marks == {"a": (1, 1), "c": (3, 1)}
    assert part.value_marks == {"a": (1, 4), "c": (3, 4)}


def test_a_document_begins_where_its_top_value_does():
    assert str(place_of(Map((3, 2)), "f")) == "f:3:2"
    assert str(place_of(Seq((4, 1)), "f")) == "f:4:1"
    assert str(place_of("text", "f")) == "f:1:1"
