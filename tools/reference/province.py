"""Write the example of an inventory: a whole province under invented codes, names and addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.core.configuration import PathSetting
from secmon.core.rule import Fault, Place
from secmon.sources import packs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPARTMENTS: Final = 20
COMMUNES: Final = 147
WARDS: Final = 19

_HEAD: Final = """\
# An EXAMPLE of an inventory: no unit, code, name, decision or address in it is real.
# `make docs` writes it (tools/reference/province.py); docs/inventory.md says how to write one of your own.
#
#   secmon inventory check deploy/examples/inventory.yml

province:
  id: vi-du
  names: {vi: Tỉnh Ví Dụ, en: Example Province}
"""
_CENTRAL: Final = (
    ("lien-thong-van-ban", "so-01", 3, "document-exchange", 2),
    ("cong-dich-vu-cong", "so-02", 4, "public-service", 2),
    ("chu-ky-so", "so-03", 3, "digital-signature", 1),
    ("dat-dai", "so-05", 4, "database", 2),
    ("thanh-toan", "so-06", 4, "payment", 1),
    ("hoc-truc-tuyen", "so-07", 2, "learning", 1),
)
"""System, owner, level, role and number of servers of what departments run in the data centre."""
_FAR_AGENT: Final = "ttdl-lien-thong-van-ban-1"
_WIDTH: Final = 110


def page(rules: Path) -> str:
    """Return deploy/examples/inventory.yml.

    Args:
        rules: folder of the shipped rules, whose digest the example accepts.

    Raises:
        ValueError: a file of it cannot be read.
    """
    sections = {"units": _units(), "systems": _systems(), "assets": _assets(), "packs": _packs(rules)}
    bodies = ("\n".join((f"{name}:", *lines)) for name, lines in sections.items())
    return "\n".join((_HEAD, "\n\n".join(bodies))) + "\n"


def _entry(*fields: str) -> str:
    """Return one item of a list, broken between its fields."""
    lines = ["  - {"]
    for number, field in enumerate(fields, 1):
        text = field + ("}" if number == len(fields) else ",")
        fits = len(lines[-1]) + 1 + len(text) <= _WIDTH
        if number == 1:
            lines[-1] += text
        elif fits:
            lines[-1] += f" {text}"
        else:
            lines.append(f"     {text}")
    return "\n".join(lines)


def _units() -> Iterator[str]:
    yield "  # Units of one kind are ranked against each other. Without a parent they belong to the province."
    for number in range(1, DEPARTMENTS + 1):
        names = f"names: {{vi: Sở Ví Dụ {number}, en: Example Department {number}}}"
        yield _entry(f"id: so-{number:02}", "kind: department", names)
    yield "  # A unit within a department: it operates machines for everybody."
    names = "names: {vi: Trung tâm Dữ liệu Ví Dụ, en: Example Data Centre}"
    yield _entry("id: so-03-ttdl", "parent: so-03", "kind: data-centre", names)
    yield "  # Commune-level units. Two old communes were merged into the first: their ids go on meaning it."
    for number in range(1, COMMUNES + 1):
        aliases = ["aliases: [xa-cu-17, xa-cu-18]"] if number == 1 else []
        names = f"names: {{vi: Xã Ví Dụ {number}, en: Example Commune {number}}}"
        yield _entry(f"id: xa-{number:03}", *aliases, "kind: commune", names)
    for number in range(1, WARDS + 1):
        names = f"names: {{vi: Phường Ví Dụ {number}, en: Example Ward {number}}}"
        yield _entry(f"id: ph-{number:02}", "kind: ward", names)


def _local_units() -> list[str]:
    departments = [f"so-{number:02}" for number in range(1, DEPARTMENTS + 1)]
    communes = [f"xa-{number:03}" for number in range(1, COMMUNES + 1)]
    return [*departments, *communes, *(f"ph-{number:02}" for number in range(1, WARDS + 1))]


def _systems() -> Iterator[str]:
    yield "  # Owned by departments, operated by the data centre. The decision is what approved the level."
    for number, (system, owner, level, role, _) in enumerate(_CENTRAL, 1):
        approved = (f"level: {level}", f"decision: {number}/QD-VIDU")
        yield _entry(f"id: {system}", f"owner_unit: {owner}", *approved, f"roles: [{role}]")
    yield "  # Each unit's own system: the files of a department, the one-stop counter of a commune."
    yield "  # That of xa-001 still names its owner by an old id."
    for unit in _local_units():
        role = "server" if unit.startswith("so") else "public-service"
        owner = "xa-cu-17" if unit == "xa-001" else unit
        yield _entry(f"id: {_own_system(unit)}", f"owner_unit: {owner}", "level: 2", f"roles: [{role}]")


def _own_system(unit: str) -> str:
    return f"{unit}-noi-bo" if unit.startswith("so") else f"{unit}-mot-cua"


def _assets() -> Iterator[str]:
    yield "  # The data centre operates what other units own. Level and roles follow from the systems."
    servers = [(system, n) for system, *_, count in _CENTRAL for n in range(1, count + 1)]
    for number, (system, member) in enumerate(servers, 11):
        yield _server(number, system, f"ttdl-{system}-{member}", first=member == 1)
    yield from _special()
    yield "  # At each unit: a server with an agent, which watches the router from outside. Communes switch"
    yield "  # off at night and on holidays (office). A server with Windows is watched by the data centre."
    for index, unit in enumerate(_local_units()):
        yield from _local(index, unit)


def _server(number: int, system: str, name: str, *, first: bool) -> str:
    """Return a server of the data centre; members of a cluster may share an address."""
    clustered = system == "dat-dai"
    fields = [f"id: {name}", "operator_unit: so-03-ttdl", f"systems: [{system}]", "platform: linux"]
    fields.append(f"addresses: [10.0.0.{number}{', 10.0.0.100' if clustered else ''}]")
    fields += ["cluster: dat-dai"] if clustered else []
    fields += ["site: ttdl", f"agent: {name}"]
    if system == "cong-dich-vu-cong" and first:
        window = "from: 2026-12-05T22:00:00+07:00, until: 2026-12-06T04:00:00+07:00, reason: Thay ổ đĩa"
        fields.append(f"maintenance: [{{{window}}}]")
    return _entry(*fields)


def _special() -> Iterator[str]:
    operator = "operator_unit: so-03-ttdl"
    yield "  # The firewall before all of it has the highest level that it serves. No agent runs on it."
    served = ", ".join(system for system, *_ in _CENTRAL)
    place = ("platform: network", "addresses: [10.0.0.1]", "site: ttdl")
    watchers = "watched_by: [ttdl-dat-dai-1, ttdl-dat-dai-2]"
    yield _entry("id: ttdl-tuong-lua", operator, f"systems: [{served}]", *place, watchers)
    yield "  # In no network: its signed reports are carried by hand, and speak for two weeks."
    place = ("platform: linux", "site: ttdl", "agent: ttdl-ca-goc")
    yield _entry("id: ttdl-ca-goc", operator, "systems: [chu-ky-so]", *place, "availability: airgapped")
    yield "  # Retired: it counts nowhere and needs no watcher, its address is free, its id is not."
    place = ("platform: linux", "addresses: [10.0.0.11]", "retired: 2026-03-01")
    yield _entry("id: ttdl-may-cu", operator, *place)


def _local(index: int, unit: str) -> Iterator[str]:
    windows = index % 7 == 6
    department = index < DEPARTMENTS
    net = f"10.1.{index}" if department else f"10.2.{index - DEPARTMENTS}"
    site = "site: " + ("khu-hanh-chinh" if department else unit)
    rest = [] if department else ["availability: office"]
    common = (f"operator_unit: {unit}", f"systems: [{_own_system(unit)}]")
    agent = _FAR_AGENT if windows else f"{unit}-sv"
    platform = "platform: windows" if windows else "platform: linux"
    watch = f"watched_by: [{agent}]" if windows else f"agent: {agent}"
    yield _entry(f"id: {unit}-sv", *common, platform, f"addresses: [{net}.10]", site, watch, *rest)
    place = ("platform: network", f"addresses: [{net}.1]", site)
    yield _entry(f"id: {unit}-rt", *common, *place, f"watched_by: [{agent}]", *rest)


def _packs(rules: Path) -> Iterator[str]:
    yield "  # An agent's points count while every pack named here stands at one of the digests given for it."
    yield f"  - {{name: {packs.BUILTIN}, sha256: {digest(rules)}, until: 2030-12-31}}"


def digest(rules: Path) -> str:
    """Return the sha256 of a pack.

    Args:
        rules: its folder.

    Raises:
        ValueError: a file of it cannot be read.
    """
    faults: list[Fault] = []
    opened = packs.open_pack(PathSetting(str(rules), Place(str(rules), 0, 0), ""), "rules", faults)
    (read,) = packs.read_packs([opened], faults)
    if faults:
        raise ValueError("\n".join(map(str, faults)))
    return read.sha256
