"""Read what the configuration child made, and say what is wrong where there is no plan in it."""

from __future__ import annotations

import json
from dataclasses import replace

from secmon.agent.audit import read_faults
from secmon.core.codec import decode
from secmon.core.plan import CorePlan


class Refused(Exception):  # noqa: N818  # what is wrong with files, told to whoever keeps them
    """There is no plan to work from.

    Args:
        faults: what is wrong, one line each.
        config: secmon.yml is good, and the web configuration file that it names.
        rules: packs, waivers and overrides are good.
        unread: they could not be read to the end, so that trying again may help.
    """

    def __init__(
        self, faults: tuple[str, ...], *, config: bool = False, rules: bool = False, unread: bool = False
    ) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults
        self.config = config
        self.rules = rules
        self.unread = unread


def read_plan(status: str, output: bytes, version: str) -> CorePlan:
    """Read the outcome of a configuration child.

    Args:
        status: `ok`, `faults`, or a Reason.
        output: the line of the CorePlan, or the lines of the faults.
        version: of secmon; another version may judge the same rules otherwise, so it is part of the digest.

    Returns:
        The plan.

    Raises:
        Refused: there is none.
    """
    try:
        return _read(status, output, version)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        # The child reads packs that others wrote; what it sends is not trusted to be well formed.
        raise Refused((f"reading the configuration gave no plan: {error}",), unread=True) from error


def _read(status: str, output: bytes, version: str) -> CorePlan:
    if status == "faults":
        faults = read_faults(output)
        if not faults:
            raise ValueError("faults were announced, and none was named")
        of_settings = [json.loads(line)["settings"] for line in output.splitlines()]
        lines = tuple(map(str, faults))
        raise Refused(lines, config=not any(of_settings), rules=all(of_settings))
    if status != "ok":
        raise Refused((f"reading the configuration ended with: {status}",), unread=True)
    plan = decode(CorePlan, json.loads(output))
    return replace(plan, digest=f"{plan.digest} {version}")
