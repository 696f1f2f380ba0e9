"""Random fleets, what Python makes of their scores, and the same as a unit test for promtool.

A step is ten minutes: what an asset that is always on says holds over one missed scrape and not over two.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from secmon.core.fleet import Member, Total, aggregate, merge
from secmon.core.score import Points, Score, freshness, score

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

STEP: Final = 600
DAY: Final = 86_400.0
SHORT: Final = (60, (6_000.0, 12_000.0))
"""Steps of most fleets, and their max_age: so little that points go stale within the fleet's life."""
LONG: Final = (330, (DAY, 90_000.0))
"""The same of a fleet that outlives twice a max_age of more than a day, for which a sleeping asset's last words hold."""
CHECKS: Final = ("ports", "tls", "patches", "traffic")
PACKS: Final = {"secmon": ("aa", "ab"), "site": ("cc",)}
HOSTILE: Final = (
    '"; drop',
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "xã Mường Lát \\ {{ . }}",
    "a'b\nc",
)
LEVELS: Final = ("asset", "unit", "unit_kind", "province")
METRICS: Final = {"score": "raw", "accepted": "accepted", "coverage": "coverage"}

_PARTS: Final = ("earned", "accepted", "covered")
_POINTS: Final = tuple(f"secmon_points_{part}" for part in _PARTS)
_LAST: Final = "secmon_check_last_complete_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Asset:
    """An asset of the inventory."""

    id: str
    agent: str
    unit: str
    kind: str
    level: int
    platform: str
    roles: str
    max_age: float
    possible: dict[str, int]
    maintenance: bool

    @property
    def speaks(self) -> float:
        """Return for how many seconds a sample speaks for the asset."""
        return 600.0 if self.max_age <= DAY else 2 * self.max_age


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page says of one asset: (platform, level, roles), points by check, ends of the last complete runs."""

    claim: tuple[str, int, str]
    points: dict[str, tuple[float, float, float]]
    last: dict[str, float]


@dataclass(frozen=True, slots=True)
class Page:
    """What an agent serves at one address."""

    assets: dict[str, Seen]
    packs: frozenset[tuple[str, str]]


@dataclass(slots=True)
class Fleet:
    """An inventory, the step at which its page is missed, and for each agent and address the page of each step, None where the scrape failed."""

    assets: list[Asset]
    steps: int
    gap: int
    pages: dict[tuple[str, str], list[Page | None]] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """Return the instant of the last step."""
        return self.steps * STEP


def make(seed: int) -> Fleet:
    """Make a random fleet with every fault that the rules must survive; each tenth is a long one."""
    chance = random.Random(seed)
    steps, ages = SHORT if seed % 10 else LONG
    units = [(_name(chance, f"unit{n}"), chance.choice(("department", "commune"))) for n in range(4)]
    agents = [_name(chance, f"agent{n}") for n in range(chance.randint(1, 7))]
    assets = [_asset(chance, n, agents, units, ages) for n in range(chance.randint(1, 9))]
    fleet = Fleet(assets, steps, chance.choice((steps, chance.randint(1, steps))))
    for agent in agents:
        mine = [asset for asset in assets if asset.agent == agent]
        lives = _life(chance, mine, steps)
        fleet.pages[agent, "one"] = lives
        if chance.random() < 0.3:
            fleet.pages[agent, "two"] = [_other_look(chance, page) for page in lives]
    fleet.pages["rogue", "three"] = [_boast([*assets, replace(assets[0], id="unknown")], fleet.now)] * (
        steps + 1
    )
    return fleet


def _name(chance: random.Random, name: str) -> str:
    return name + chance.choice(HOSTILE) if chance.random() < 0.2 else name


def _asset(
    chance: random.Random,
    number: int,
    agents: list[str],
    units: list[tuple[str, str]],
    ages: tuple[float, ...],
) -> Asset:
    unit, kind = chance.choice(units)
    checks = chance.sample(CHECKS, chance.choice((0, 1, 2, 3, 4, 4)))
    return Asset(
        id=_name(chance, f"asset{number}"),
        agent=chance.choice(agents),
        unit=unit,
        kind=kind,
        level=chance.randint(1, 5),
        platform=chance.choice(("server", "network")),
        roles=chance.choice(("", "web", "db,web")),
        max_age=chance.choice(ages),
        possible={check: chance.randint(1, 60) for check in checks},
        maintenance=chance.random() < 0.2,
    )


def _life(chance: random.Random, mine: list[Asset], steps: int) -> list[Page | None]:
    """Return an agent's pages: they change at times, scrapes fail at times, and some agents stop or never start."""
    cuts = sorted([*chance.sample(range(1, steps + 1), chance.randint(0, 3)), steps - chance.randint(0, 3)])
    pages: list[Page | None] = []
    for start, end in itertools.pairwise([0, *cuts, steps + 1]):
        pages += [_page(chance, mine, steps * STEP)] * (end - start)
    pages = [None if chance.random() < 0.05 else page for page in pages]
    stopped = chance.choice(
        (*[None] * 6, 1, 1, 2, 3, steps // 2, min(steps, 299), min(steps, 300), min(steps, 301), steps + 1)
    )
    if stopped:
        pages[-stopped:] = [None] * stopped
    return pages


def _page(chance: random.Random, mine: list[Asset], now: float) -> Page:
    packs = {("secmon", chance.choice(("aa", "ab"))), ("site", "cc"), ("unlisted", "ee")}
    if chance.random() < 0.07:
        packs.discard(("site", "cc"))
    if chance.random() < 0.07:
        packs = {(pack, "old" if pack == "secmon" else digest) for pack, digest in packs}
    if chance.random() < 0.03:
        packs = set()
    seen = {asset.id: _seen(chance, asset, now) for asset in mine if chance.random() < 0.95}
    return Page(seen, frozenset(packs))


def _seen(chance: random.Random, asset: Asset, now: float) -> Seen:
    claim = (asset.platform, asset.level, asset.roles)
    if chance.random() < 0.07:
        claim = chance.choice(
            (
                ("other", *claim[1:]),
                (claim[0], 6 - asset.level if asset.level != 3 else 1, claim[2]),
                (*claim[:2], "mail"),
            )
        )
    points, last = {}, {}
    for check, possible in asset.possible.items():
        if chance.random() < 0.1:
            continue
        covered = chance.choice((possible, possible, chance.randint(0, possible), possible + 100))
        accepted = chance.randint(0, covered)
        points[check] = (float(chance.randint(0, accepted)), float(accepted), float(covered))
        if chance.random() < 0.03:
            points[check] = (math.nan, math.nan, math.nan)
        if chance.random() < 0.9:
            last[check] = now + chance.choice((-chance.uniform(0, 0.95 * now), -60.0, 299.0, 301.0))
    points["extra"], last["extra"] = (1e6, 1e6, 1e6), now
    return Seen(claim, points, last)


def _other_look(chance: random.Random, page: Page | None) -> Page | None:
    """Return the page at another address of the same agent: now and then behind the first."""
    if page is None or chance.random() < 0.2:
        return None
    assets = {
        asset: replace(seen, points={check: _lower(chance, parts) for check, parts in seen.points.items()})
        for asset, seen in page.assets.items()
    }
    return replace(page, assets=assets)


def _lower(chance: random.Random, parts: tuple[float, float, float]) -> tuple[float, float, float]:
    factor = chance.choice((1.0, 0.5))
    return (parts[0] * factor, parts[1] * factor, parts[2] * factor)


def _boast(assets: Iterable[Asset], now: float) -> Page:
    """Return the page of an agent that claims everything and is nobody's agent."""
    seen = {
        asset.id: Seen(
            (asset.platform, asset.level, asset.roles),
            dict.fromkeys(asset.possible, (1000000.0, 1000000.0, 1000000.0)),
            dict.fromkeys(asset.possible, now),
        )
        for asset in assets
    }
    return Page(seen, frozenset((pack, digests[0]) for pack, digests in PACKS.items()))


def scores(fleet: Fleet) -> dict[str, Score | None]:
    """Return what Python makes of each asset; None where it is silent or not believed."""
    return {asset.id: _score(fleet, asset) for asset in fleet.assets}


def totals(fleet: Fleet) -> dict[str, dict[str, Total]]:
    """Return the sums of every unit, kind and the province."""
    found = scores(fleet)
    by_unit: dict[tuple[str, str], list[Member]] = {}
    for asset in fleet.assets:
        by_unit.setdefault((asset.unit, asset.kind), []).append(
            Member(asset.id, asset.level, found[asset.id])
        )
    units = {unit: aggregate(members) for unit, members in by_unit.items()}
    kinds = {kind: merge(total for unit, total in units.items() if unit[1] == kind) for _, kind in units}
    return {
        "unit": {unit: total for (unit, _), total in units.items()},
        "unit_kind": kinds,
        "province": {"thanh-hoa": merge(kinds.values())},
    }


def _score(fleet: Fleet, asset: Asset) -> Score | None:
    mine = [pages for (agent, _), pages in fleet.pages.items() if agent == asset.agent]
    for step in range(fleet.steps, -1, -1):
        now = [pages[step] for pages in mine]
        if fleet.now - step * STEP > asset.speaks:
            break
        looks = [page for page in now if page is not None and asset.id in page.assets]
        if looks:
            return _judge(asset, looks, fleet.now, packs=_packs_accepted(asset.agent, fleet))
    return None


def _packs_accepted(agent: str, fleet: Fleet) -> bool:
    """Packs belong to the agent: the latest page that it served counts."""
    mine = [pages for (name, _), pages in fleet.pages.items() if name == agent]
    for now in zip(*(reversed(pages) for pages in mine), strict=True):
        pages = [page for page in now if page is not None and (page.packs or page.assets)]
        if pages:
            packs = frozenset().union(*(page.packs for page in pages))
            return all(
                {digest for name, digest in packs if name == listed} & set(digests)
                and {digest for name, digest in packs if name == listed} <= set(digests)
                for listed, digests in PACKS.items()
            )
    return False


def _judge(asset: Asset, looks: list[Page], now: float, *, packs: bool) -> Score:
    seen = [page.assets[asset.id] for page in looks]
    believed = packs and {look.claim for look in seen} == {(asset.platform, asset.level, asset.roles)}
    checks, fresh = {}, {}
    for check, possible in asset.possible.items():
        parts = [
            min((look.points[check][part] for look in seen if check in look.points), default=0.0)
            for part in range(3)
        ]
        counted = [0 if math.isnan(part) else min(part, possible) for part in parts]
        checks[check] = Points(counted[0], counted[1], counted[2], possible)
        last = min((look.last[check] for look in seen if check in look.last), default=None)
        fresh[check] = freshness(last, now, asset.max_age) if believed else 0.0
    return score(checks, fresh, critical_in_order=True)


def unit_test(fleet: Fleet, *, error: float = 0.0) -> dict[str, object]:
    """Return the fleet as one test for promtool: no recorded ratio may differ from Python's.

    Args:
        fleet: the fleet.
        error: added to every ratio of Python's, to see the test fail.
    """
    series = [*_inventory_series(fleet), *_agent_series(fleet), *_expected(fleet, error)]
    return {
        "interval": "10m",
        "input_series": [{"series": name, "values": values} for name, values in series],
        "promql_expr_test": [
            {"expr": _differs(level, metric), "eval_time": f"{fleet.now}s", "exp_samples": []}
            for level in LEVELS
            for metric in METRICS
        ],
    }


def _differs(level: str, metric: str) -> str:
    recorded, expected = f"{level}:secmon_{metric}:ratio", f'expected{{level="{level}",metric="{metric}"}}'
    on = f"on ({level})"
    return (
        f"abs({recorded} - {on} {expected}) > 1e-6 or ({recorded} != {recorded})"
        f" or ({recorded} unless {on} {expected}) or ({expected} unless {on} {recorded})"
    )


def _expected(fleet: Fleet, error: float) -> Iterator[tuple[str, str]]:
    found = {
        level: {name: _means(total) for name, total in sums.items()} for level, sums in totals(fleet).items()
    }
    possible = {asset.id for asset in fleet.assets if asset.possible}
    found["asset"] = {
        name: {"raw": 0.0, "accepted": 0.0, "coverage": 0.0}
        if result is None
        else {part: getattr(result, part) for part in METRICS.values()}
        for name, result in scores(fleet).items()
        if name in possible
    }
    for level, values in found.items():
        for name, parts in values.items():
            for metric, part in METRICS.items():
                labels = {"level": level, "metric": metric, level: name}
                yield _series("expected", labels), _constant(parts[part] / 100 + error)


def _means(total: Total) -> dict[str, float]:
    return {"raw": total.raw_score, "accepted": total.accepted_score, "coverage": total.coverage_score}


def _inventory_series(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for name, value in _inventory(fleet):
        yield name, _row(None if step == fleet.gap else value for step in range(fleet.steps + 1))


def _inventory(fleet: Fleet) -> Iterator[tuple[str, float]]:
    for asset in fleet.assets:
        own = {"asset": asset.id}
        labels = own | {
            "agent": asset.agent,
            "unit": asset.unit,
            "unit_kind": asset.kind,
            "province": "thanh-hoa",
            "level": str(asset.level),
            "platform": asset.platform,
            "roles": asset.roles,
            "site": "dc1",
        }
        yield _series("secmon_inventory_asset_info", labels), 1
        yield _series("secmon_inventory_weight", own), 2 ** (asset.level - 1)
        yield _series("secmon_inventory_maintenance", own), asset.maintenance
        for check, possible in asset.possible.items():
            yield _series("secmon_inventory_points_possible", own | {"check": check}), possible
            yield (
                _series("secmon_inventory_max_age_seconds", own | {"check": check}),
                asset.max_age,
            )
    for pack, digests in PACKS.items():
        for digest in digests:
            yield _series("secmon_inventory_pack_accepted", {"pack": pack, "sha256": digest}), 1
    yield _series("secmon_inventory_pack_accepted", {"pack": "secmon", "sha256": "old"}), 0


def _agent_series(fleet: Fleet) -> Iterator[tuple[str, str]]:
    for (agent, instance), pages in fleet.pages.items():
        values: dict[str, list[float | None]] = {}
        for step, page in enumerate(pages):
            for name, value in _samples(page) if page is not None else ():
                values.setdefault(name, [None] * len(pages))[step] = value
        for name, row in values.items():
            yield name.replace("{", "{" + _labels({"agent": agent, "instance": instance}) + ",", 1), _row(row)


def _samples(page: Page) -> Iterator[tuple[str, float]]:
    for pack, digest in page.packs:
        labels = {"pack": pack, "version": "1", "sha256": digest, "signed": "true"}
        yield _series("secmon_pack_info", labels), 1
    for asset, seen in page.assets.items():
        platform, level, roles = seen.claim
        labels = {"asset": asset, "platform": platform, "level": str(level), "roles": roles}
        yield _series("secmon_asset_info", labels), 1
        for check, parts in seen.points.items():
            for name, value in zip(_POINTS, parts, strict=True):
                yield _series(name, {"asset": asset, "check": check}), value
        for check, last in seen.last.items():
            yield _series(_LAST, {"asset": asset, "check": check}), last


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())


def _series(name: str, labels: Mapping[str, str]) -> str:
    return f"{name}{{{_labels(labels)}}}"


def _constant(value: float) -> str:
    return f"{float(value)!r}+0x{LONG[0]}"


def _row(values: Iterable[float | None]) -> str:
    """Return samples in promtool's notation, runs of equal ones together."""
    return " ".join(_run(value, len(list(run))) for value, run in itertools.groupby(values, key=_comparable))


def _comparable(value: float | None) -> str:
    return "_" if value is None else "NaN" if math.isnan(value) else repr(float(value))


def _run(value: str, length: int) -> str:
    if value == "_":
        return f"_x{length}"
    if value == "NaN":
        return " ".join(["NaN"] * length)
    return f"{value}+0x{length - 1}"
