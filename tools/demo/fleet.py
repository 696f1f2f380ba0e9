"""Build the demo's province: its inventory, and the pages of its agents at any instant."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from secmon.core.expected import expected_points
from secmon.core.inventoryfile import read_inventory
from secmon.core.inventorypages import agent_rows, asset_rows, pack_rows, target_groups
from secmon.export import inventory as inventory_export
from secmon.export.metrics import Renderer
from secmon.sources import yaml
from tools.demo.agent import SimulatedAgent
from tools.demo.papers import inventory_yaml
from tools.demo.rulebook import plan, read_rulebook
from tools.demo.world import imagine

if TYPE_CHECKING:
    from secmon.core.inventory import Inventory
    from secmon.core.model import Json
    from tools.demo.rulebook import Rulebook
    from tools.demo.world import World

AGENTS = 40


@dataclass(frozen=True, slots=True)
class Fleet:
    """A province and its agents.

    Attributes:
        world: what it was made of.
        book: the rules that its agents judge by.
        inventory_yaml: inventory.yml.
        inventory: the same, read.
        possible: asset -> check -> points.
        agents: those that serve a page, by name.
        renderers: agent -> what makes its pages.
    """

    world: World
    book: Rulebook
    inventory_yaml: str
    inventory: Inventory
    possible: dict[str, dict[str, int]]
    agents: dict[str, SimulatedAgent]
    renderers: dict[str, Renderer]

    def pages(self, now: float) -> dict[str, bytes]:
        """Return the page of each agent that serves one.

        Args:
            now: Unix seconds, never earlier than at the call before.

        Returns:
            Name of the agent -> Prometheus text format.
        """
        return {
            name: self.renderers[name].render(agent.snapshot(now)).plain
            for name, agent in self.agents.items()
        }

    def inventory_page(self, now: float) -> bytes:
        """Return what `secmon inventory metrics` prints.

        Args:
            now: Unix seconds.
        """
        rows = {
            "made": now,
            "assets": asset_rows(self.inventory, self.possible, now),
            "packs": pack_rows(self.inventory, now),
        }
        return inventory_export.render(rows).encode()

    def targets(self, port: int, now: float) -> list[Json]:
        """Return what `secmon inventory targets` prints.

        Args:
            port: TCP port of every agent.
            now: Unix seconds.
        """
        return target_groups(agent_rows(self.inventory, now), port)


def build(seed: int, agents: int = AGENTS, *, now: float | None = None) -> Fleet:
    """Build the province.

    Args:
        seed: the same seed and instant give the same province.
        agents: how many agents it has.
        now: Unix seconds at which the demo begins, None for the present.

    Returns:
        The fleet; an agent that is planted silent is not among its agents.

    Raises:
        ValueError: there are too few or too many agents.
    """
    world = imagine(seed, agents, time.time() if now is None else now)
    book = read_rulebook(world.start)
    text = inventory_yaml(world, book.sha256)
    inventory, faults = read_inventory(yaml.read(text.encode(), "inventory.yml").value, "inventory.yml")
    if inventory is None:
        raise ValueError("\n".join(map(str, faults)))
    assets = [inventory.as_judged(entry) for entry in inventory.in_service(world.start)]
    possible, found = expected_points(assets, book.content, book.registry)
    if found:
        raise ValueError("\n".join(map(str, found)))
    running = {machine.id: _agent(world, book, machine.id) for machine in world.agents}
    return Fleet(
        world=world,
        book=book,
        inventory_yaml=text,
        inventory=inventory,
        possible=possible,
        agents={name: agent for name, agent in running.items() if "silent" not in agent.machine.plants},
        renderers={name: Renderer(book.registry) for name in running},
    )


def _agent(world: World, book: Rulebook, name: str) -> SimulatedAgent:
    machine = next(machine for machine in world.agents if machine.id == name)
    watched = [device for device in world.devices if name in device.watched_by]
    return SimulatedAgent(
        book.registry, plan(book, machine, watched, world.start), machine, watched, world.start
    )
