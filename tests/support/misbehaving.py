"""Run a real core over the misbehaving probes of tests.support.probe: `python -m tests.support.misbehaving`.

The state folder and the port come from the environment, and so do the acts (tests.support.entries).
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

from tests.support.entries import ACTS, acquire, prepare, run
from tests.support.entries import observe as observe_acts
from tests.support.processes import make_registry

if TYPE_CHECKING:
    import selectors

__all__ = ["acquire", "observe", "prepare", "run"]

STATE, PORT = "TEST_STATE", "TEST_PORT"


def observe(acts: dict[str, dict], out: BinaryIO) -> int:
    """Write the plan of the acts with an address and a state folder of its own."""
    plan = io.BytesIO()
    status = observe_acts(acts, plan)
    core, _, rest = plan.getvalue().partition(b"\n")
    if status == 0:
        value = json.loads(core)
        value["listen"]["port"] = int(os.environ[PORT])
        value["state_dir"] = os.environ[STATE]
        core = json.dumps(value).encode()
    out.write(core + b"\n" + rest)
    out.flush()
    return status


def main() -> int:
    from secmon.agent import spawner
    from secmon.agent.child import Entries
    from secmon.core.plan import Invocation

    registry = make_registry(list(json.loads(os.environ[ACTS])), processes=True)
    name = "tests.support.misbehaving"
    channel = spawner.start(
        registry, Invocation("run", environment={ACTS: os.environ[ACTS]}), Entries(name, name)
    )
    from secmon.agent import daemon
    from secmon.export.http import Front
    from secmon.export.metrics import Renderer

    renderer = Renderer(registry)

    def front(selector: selectors.BaseSelector) -> Front:
        return Front(selector, renderer.render)

    return daemon.run(channel, daemon.Setup(registry, "0", front, os.environ))


if __name__ == "__main__":
    sys.exit(main())
