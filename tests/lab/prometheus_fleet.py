"""Random fleets with every fault that the recording rules must survive, and what Python makes of their scores."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from secmon.core.fleet import Member, Total, aggregate, merge
from secmon.core.handover import BEHIND_SECONDS, RECENT_SECONDS, hand_over
from secmon.core.score import CLOCK_SKEW_SECONDS, FORMULA, Points, Score, freshness, score

if TYPE_CHECKING:
    from collections.abc import Iterable

    from secmon.core.handover import Handover

STEP: Final = 240
"""Seconds between scrapes and evaluations: an asset that is always on may miss two and not three."""
DAY: Final = 86_400.0
SHORT: Final = (60, (DAY,))
"""Steps of most fleets, and their max_age."""
LONG: Final = (800, (DAY, 90_000.0))
"""The same of a fleet that outlives twice a max_age of more than a day, for which a sleeping asset's last words hold."""
CHECKS: Final = ("ports", "tls", "patches", "traffic")
PARTS: Final = ("earned", "accepted", "covered")
PACKS: Final = {"secmon": ("aa", "ab"), "site": ("cc",)}
HOSTILE: Final = (
    '"; drop',
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "xã Mường Lát \\ {{ . }}",
    "a'b\nc",
)


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
        """Return for how many seconds a page speaks for the asset."""
        return 600.0 if self.max_age <= DAY else 2 * self.max_age


@dataclass(frozen=True, slots=True)
class Seen:
    """What an agent knows of one asset.

    Attributes:
        claim: platform, level, roles.
        points: check -> what it found.
        expected: check -> points, by the agent's packs.
        last: check -> end of the last complete run, by the agent's clock.
        broken: its figures are no numbers.
    """

    claim: tuple[str, int, str]
    points: dict[str, Points]
    expected: dict[str, int]
    last: dict[str, float]
    broken: bool = False

    def told(self, snapshot: float) -> Handover:
        """Return what the page says, made at an instant of the agent's clock."""
        return hand_over(self.points, self.expected, self.last, snapshot)


@dataclass(frozen=True, slots=True)
class Page:
    """What an agent serves at one address; `ahead`: seconds by which its clock is wrong."""

    assets: dict[str, Seen]
    packs: frozenset[tuple[str, str]]
    ahead: float = 0.0


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

    def of_agent(self, agent: str) -> list[list[Page | None]]:
        """Return the pages of an agent, by address."""
        return [pages for (name, _), pages in self.pages.items() if name == agent]


def make(seed: int) -> Fleet:
    """Make a random fleet; each tenth is a long one."""
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
    boast = _boast([*assets, replace(assets[0], id="unknown")], fleet.now)
    fleet.pages["rogue", "three"] = [boast] * (steps + 1)
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
    ahead = chance.choice((*[0.0] * 12, 200.0, 400.0, -18_000.0, -39_000.0, -40_000.0))
    pages: list[Page | None] = []
    broken = {asset.id for asset in mine if chance.random() < 0.03}
    for start, end in itertools.pairwise([0, *cuts, steps + 1]):
        pages += [_page(chance, mine, steps * STEP, ahead, broken)] * (end - start)
    pages = [None if chance.random() < 0.05 else page for page in pages]
    last = steps + 1
    stopped = chance.choice(
        (*[None] * 7, 1, 2, 2, 3, 4, *(min(last, n) for n in (200, 500, 749, 750, 751)), last)
    )
    if stopped:
        pages[-stopped:] = [None] * stopped
    return pages


def _page(chance: random.Random, mine: list[Asset], now: float, ahead: float, broken: set[str]) -> Page:
    packs = {("secmon", chance.choice(("aa", "ab"))), ("site", "cc"), ("unlisted", "ee")}
    if chance.random() < 0.07:
        packs.discard(("site", "cc"))
    if chance.random() < 0.07:
        packs = {(pack, "old" if pack == "secmon" else digest) for pack, digest in packs}
    if chance.random() < 0.03:
        packs = set()
    seen = {
        asset.id: replace(_seen(chance, asset, now + ahead), broken=asset.id in broken)
        for asset in mine
        if chance.random() < 0.95
    }
    return Page(seen, frozenset(packs), ahead)


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
    points, last = {"extra": Points(10**6, 10**6, 10**6, 10**6)}, {"extra": now}
    for check, possible in asset.possible.items():
        if chance.random() < 0.1:
            continue
        # An agent may judge by more than the province expects: it looks at the asset from elsewhere too.
        covered = chance.choice((possible, possible, chance.randint(0, possible), possible + 100))
        accepted = chance.randint(0, covered)
        points[check] = Points(chance.randint(0, accepted), accepted, covered, possible + 100)
        if chance.random() < 0.9:
            ages = (*[chance.uniform(0, 0.4 * DAY)] * 4, chance.uniform(0, 2.2 * DAY), 60.0, -299.0, -301.0)
            last[check] = now - chance.choice(ages)
    expected = dict(asset.possible)
    if chance.random() < 0.1:  # packs of the site's own
        expected |= {check: most + chance.randint(1, 20) for check, most in expected.items()}
    return Seen(claim, points, expected, last)


def _other_look(chance: random.Random, page: Page | None) -> Page | None:
    """Return the page at another address of the same agent: now and then behind the first."""
    if page is None or chance.random() < 0.2:
        return None
    assets = {
        asset: replace(seen, points={check: _lower(chance, points) for check, points in seen.points.items()})
        for asset, seen in page.assets.items()
    }
    return replace(page, assets=assets)


def _lower(chance: random.Random, points: Points) -> Points:
    divisor = chance.choice((1, 2))
    return Points(*(getattr(points, part) // divisor for part in PARTS), points.possible)


def _boast(assets: Iterable[Asset], now: float) -> Page:
    """Return the page of an agent that claims everything and is nobody's agent."""
    most = 10**6
    seen = {
        asset.id: Seen(
            claim=(asset.platform, asset.level, asset.roles),
            points=dict.fromkeys(asset.possible, Points(most, most, most, most)),
            expected=dict.fromkeys(asset.possible, most),
            last=dict.fromkeys(asset.possible, now),
        )
        for asset in assets
    }
    return Page(seen, frozenset((pack, digests[0]) for pack, digests in PACKS.items()))


def scores(fleet: Fleet) -> dict[str, Score | None]:
    """Return what Python makes of each asset; None where it is silent."""
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


def latest(fleet: Fleet, asset: Asset) -> tuple[int, list[Page]] | None:
    """Return the last step at which a page that is believed spoke for an asset, and all that did then, None where it is silent."""
    for step in range(fleet.steps, -1, -1):
        if fleet.now - step * STEP > asset.speaks:
            break
        now = [pages[step] for pages in fleet.of_agent(asset.agent)]
        looks = [page for page in now if page is not None and asset.id in page.assets]
        if any(is_believed(asset, page) for page in looks):
            return step, looks
    return None


def is_believed(asset: Asset, page: Page) -> bool:
    """Say whether a page's word on an asset counts."""
    return (
        page.assets[asset.id].claim == (asset.platform, asset.level, asset.roles)
        and -BEHIND_SECONDS <= page.ahead <= CLOCK_SKEW_SECONDS
        and all(any((pack, digest) in page.packs for digest in digests) for pack, digests in PACKS.items())
    )


def _score(fleet: Fleet, asset: Asset) -> Score | None:
    found = latest(fleet, asset)
    if found is None:
        return None
    step, looks = found
    broken = all(page.assets[asset.id].broken for page in looks)
    if not asset.possible or (broken and step == fleet.steps):
        return score({}, {}, critical_in_order=True)
    if broken:
        return None
    possible = sum(asset.possible.values())
    told = [page.assets[asset.id].told(step * STEP + page.ahead) for page in looks]
    raw, covered, waived = (
        _points(fleet, asset, step, told, part) for part in ("earned", "covered", "waived")
    )
    percent = [100 * min(1.0, points / possible) for points in (raw, raw + waived, covered)]
    return Score(FORMULA, *percent, None, {})


def _points(fleet: Fleet, asset: Asset, step: int, told: list[Handover], part: str) -> float:
    """Return the points of an asset that its pages handed over at a step, as old as they are now; the lower of two figures counts."""
    possible = sum(asset.possible.values())
    surplus = 0 if part == "waived" else max(0, *(one.recent.possible - possible for one in told))
    # A page has waived points only where there are any.
    sums = [_part(one.recent, part) for one in told if part != "waived" or _part(one.recent, part)]
    then = _ageing(asset, told, part, step * STEP)
    total = _within(min(sums, default=0) + then - surplus, possible)
    if step == fleet.steps:
        return total
    fading = freshness(step * STEP - RECENT_SECONDS, fleet.now, asset.max_age) if asset.max_age > DAY else 1.0
    return _within(fading * max(0.0, total - then) + _ageing(asset, told, part, fleet.now), possible)


def _ageing(asset: Asset, told: list[Handover], part: str, now: float) -> float:
    """Return what the checks count that were not recent for their agent."""
    points = 0.0
    for check in {item.check for one in told for item in one.ageing}:
        items = [item for one in told for item in one.ageing if item.check == check]
        fresh = freshness(min(item.last_complete for item in items), now, asset.max_age)
        points += fresh * min(_part(item.points, part) for item in items)
    return points


def _part(points: Points, part: str) -> int:
    return points.accepted - points.earned if part == "waived" else int(getattr(points, part))


def _within(points: float, possible: int) -> float:
    return max(0.0, min(points, possible))


def by_check(fleet: Fleet, asset: Asset) -> Score | None:
    """Return the asset's score by the formula itself, check by check, where it was judged as the province expects.

    None where it was not: its clock is wrong, it has rules of its own, it is asleep, or it is scraped twice.
    """
    found = latest(fleet, asset)
    if found is None or found[0] < fleet.steps or len(found[1]) > 1:
        return None
    (page,) = found[1]
    seen = page.assets[asset.id]
    if seen.broken or seen.expected != asset.possible:
        return None
    checks = {
        check: Points(*(min(getattr(points, part), most) for part in PARTS), most)
        for check, most in asset.possible.items()
        for points in (seen.points.get(check, Points()),)
    }
    fresh = {check: freshness(seen.last.get(check), fleet.now, asset.max_age) for check in checks}
    return score(checks, fresh, critical_in_order=True)
