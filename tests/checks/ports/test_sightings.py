"""What a watch remembers of listeners that came and went."""

from __future__ import annotations

from secmon.checks.ports.sightings import Sightings
from secmon.core.model import Fact


def listener(port: int, **values: object) -> Fact:
    named = {"netns": "host", "proto": "tcp", "address": "0.0.0.0", "port_key": str(port), "port": port}
    return Fact("listener", {**named, "present": True, **values})


def told(sightings: Sightings) -> dict[int, bool]:
    return {fact.values["port"]: fact.values["present"] for fact in sightings.facts()}


def test_what_lives_two_seconds_is_told_for_the_whole_time():
    sightings = Sightings(60.0)
    assert sightings.note([listener(22)], 0.0)
    assert sightings.note([listener(22), listener(4444)], 100.0)
    assert sightings.note([listener(22)], 102.0)
    assert told(sightings) == {22: True, 4444: False}
    assert not sightings.note([listener(22)], 159.9)
    assert told(sightings) == {22: True, 4444: False}
    sightings.note([listener(22)], 160.0)
    assert told(sightings) == {22: True}


def test_what_had_been_there_for_long_is_gone_at_once():
    sightings = Sightings(60.0)
    sightings.note([listener(23)], 0.0)
    assert sightings.note([], 60.0)
    assert told(sightings) == {}


def test_what_comes_back_is_present_and_as_old_as_before():
    sightings = Sightings(60.0)
    sightings.note([listener(8080)], 0.0)
    sightings.note([], 1.0)
    assert sightings.note([listener(8080)], 2.0)
    assert told(sightings) == {8080: True}
    sightings.note([], 59.0)
    assert told(sightings) == {8080: False}


def test_the_last_description_counts():
    sightings = Sightings(60.0)
    sightings.note([listener(80, pid=1)], 0.0)
    assert not sightings.note([listener(80, pid=2)], 1.0)
    assert [fact.values["pid"] for fact in sightings.facts()] == [2]


def test_two_owners_of_one_exposure_are_both_told():
    sightings = Sightings(60.0)
    sightings.note([listener(80, uid=0), listener(80, uid=33)], 0.0)
    assert [fact.values["uid"] for fact in sightings.facts()] == [0, 33]
