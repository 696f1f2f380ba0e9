"""Ask the configuration child one thing and wait for its answer: what `secmon rules` does."""

from __future__ import annotations

import json
import select
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.agent.audit import PlanFailed, read_faults
from secmon.agent.channel import Request
from secmon.agent.drain import read_and_close
from secmon.agent.supervisor import CONFIG_SECONDS

if TYPE_CHECKING:
    from secmon.agent.channel import Channel
    from secmon.core.model import Json
    from secmon.core.rule import Fault

_RUN: Final = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the child said.

    Attributes:
        value: the answer, None where there are faults.
        faults: what is wrong with the input files, and warnings; of an answer warnings alone.
    """

    value: Json | None
    faults: tuple[Fault, ...] = ()


def ask(channel: Channel) -> Answer:
    """Have the configuration child do its work once.

    Args:
        channel: a spawner that was started for the question.

    Returns:
        Its answer.

    Raises:
        PlanFailed: it ended without one.
        SpawnerGone: the spawner has ended.
    """
    channel.send(Request("plan", run=_RUN, deadline=CONFIG_SECONDS))
    while True:
        select.select([channel], [], [])
        for event in channel.receive():
            if event.kind == "plan":
                return _answer(event.status, read_and_close(event.fd))


def _answer(status: str, output: bytes) -> Answer:
    if status == "ok":
        answer, _, warnings = output.partition(b"\n")
        return Answer(json.loads(answer), read_faults(warnings))
    if status == "faults":
        return Answer(None, read_faults(output))
    detail = output[:400].decode(errors="replace")
    raise PlanFailed(f"reading the files ended with {status}: {detail}")
