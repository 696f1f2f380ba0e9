"""Read the shipped rules once, and make of them the plan of each agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon import __version__
from secmon.checks import load
from secmon.core.assemble import Parts, assemble
from secmon.core.binding import bind
from secmon.core.configuration import PathSetting
from secmon.core.expected import expected_by_agent
from secmon.core.hosts import Own
from secmon.core.packcontent import load_content
from secmon.core.plan import Invocation, Pack
from secmon.core.rule import Place
from secmon.core.settings import read_settings
from secmon.core.targets import choose
from secmon.core.waiverfiles import load_waivers
from secmon.sources import packs, paths, yaml
from secmon.sources.packs import BUILTIN
from tools.demo.papers import settings_yaml, waivers_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from secmon.core.contract import Registry
    from secmon.core.packcontent import Content
    from secmon.core.plan import ChildPlan, CorePlan
    from secmon.core.rule import Fault, Waiver
    from tools.demo.world import Machine

_OLD_DIGEST: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The shipped checks, rules and profiles.

    Attributes:
        registry: the checks.
        content: rules and profiles.
        sha256: digest of the folder of rules.
    """

    registry: Registry
    content: Content
    sha256: str


def read_rulebook(now: float) -> Rulebook:
    """Read the rules of this checkout, as an agent does.

    Args:
        now: Unix seconds.

    Raises:
        ValueError: they have faults; the text names each.
    """
    faults: list[Fault] = []
    setting = PathSetting(BUILTIN, Place("demo", 0, 0), "rules")
    opened = packs.open_pack(setting, "rules", faults, builtin=paths.builtin_rules())
    (read,) = packs.read_packs([opened], faults)
    faults += [fault for document in read.documents for fault in document.faults]
    registry = load()
    documents = [(document.file, document.value) for document in read.documents if document.readable]
    content = load_content(documents, [], [], registry, now)
    faults += content.faults
    if faults:
        raise ValueError("\n".join(map(str, faults)))
    return Rulebook(registry, content, read.sha256)


def plan(
    book: Rulebook, machine: Machine, watched: Sequence[Machine], start: float
) -> tuple[CorePlan, ChildPlan]:
    """Configure an agent as its own configuration child would.

    Args:
        book: the rules.
        machine: what the agent runs on.
        watched: what it looks at from outside.
        start: Unix seconds.

    Returns:
        Both halves of its plan.

    Raises:
        ValueError: what was written for it has a fault, which is a mistake of the demo.
    """
    document = yaml.read(settings_yaml(machine, watched).encode(), f"{machine.id}/secmon.yml")
    own = Own(machine.host, frozenset({machine.address}))
    configuration, faults = read_settings(document.value, document.file, book.registry, own)
    chosen = choose(configuration, Invocation("run"), book.registry, own)
    rules, profiles = book.content.rules, book.content.profiles
    bindings, found = bind(rules, profiles, (), chosen.assets, chosen.targets, book.registry)
    faults = [*document.faults, *faults, *chosen.faults, *found]
    waivers = _waivers(book, machine, start, faults) if "waived" in machine.plants else []
    if faults:
        raise ValueError("\n".join(map(str, faults)))
    sha256 = _OLD_DIGEST if "old-rules" in machine.plants else book.sha256
    parts = Parts(
        configuration=configuration,
        chosen=chosen,
        rules=rules,
        bindings=bindings,
        waivers=waivers,
        packs=(Pack(BUILTIN, __version__, sha256, signed=False),),
        digest=sha256,
        state_dir="",
        lang="vi",
        resident=True,
        expected=expected_by_agent(chosen.assets, book.content, book.registry),
    )
    return assemble(parts, book.registry)


def _waivers(book: Rulebook, machine: Machine, start: float, faults: list[Fault]) -> list[Waiver]:
    document = yaml.read(waivers_yaml(machine, start).encode(), f"{machine.id}/waivers.yml")
    rules = book.content.rules
    waivers, found = load_waivers(
        [(document.file, document.value)], rules, book.content.ids, book.registry, start
    )
    faults += [*document.faults, *found]
    return waivers
