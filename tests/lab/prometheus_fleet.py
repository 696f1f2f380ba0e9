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
    for start, end in itertools.pairwise([0, *cuts, steps + 1]):
        pages += [_page(chance, mine, steps * STEP, ahead)] * (end - start)
    pages = [None if chance.random() < 0.05 else page for page in pages]
    last = steps + 1
    stopped = chance.choice(
        (*[None] * 7, 1, 2, 2, 3, 4, *(min(last, n) for n in (200, 500, 749, 750, 751)), last)
    )
    if stopped:
        pages[-stopped:] = [None] * stopped
    return pages


def _page(chance: random.Random, mine: list[Asset], now: float, ahead: float) -> Page:
    packs = {("secmon", chance.choice(("aa", "ab"))), ("site", "cc"), ("unlisted", "ee")}
    if chance.random() < 0.07:
        packs.discard(("site", "cc"))
    if chance.random() < 0.07:
        packs = {(pack, "old" if pack == "secmon" else digest) for pack, digest in packs}
    if chance.random() < 0.03:
        packs = set()
    seen = {asset.id: _seen(chance, asset, now + ahead) for asset in mine if chance.random() < 0.95}
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
    return Seen(claim, points, expected, last, broken=chance.random() < 0.03)


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
    """Return the last step at which a page spoke for an asset, and the pages that did, None where it is silent."""
    for step in range(fleet.steps, -1, -1):
        if fleet.now - step * STEP > asset.speaks:
            break
        now = [pages[step] for pages in fleet.of_agent(asset.agent)]
        looks = [page for page in now if page is not None and asset.id in page.assets]
        if looks:
            return step, looks
    return None


def is_believed(fleet: Fleet, asset: Asset, looks: list[Page]) -> bool:
    """Say whether the asset's points count: packs and clock belong to the agent, whose latest page decides."""
    claims = {page.assets[asset.id].claim for page in looks}
    mine = fleet.of_agent(asset.agent)
    return (
        claims == {(asset.platform, asset.level, asset.roles)}
        and _packs_accepted(mine)
        and all(-BEHIND_SECONDS <= page.ahead <= CLOCK_SKEW_SECONDS for page in looks)
    )


def _packs_accepted(mine: list[list[Page | None]]) -> bool:
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


def _score(fleet: Fleet, asset: Asset) -> Score | None:
    found = latest(fleet, asset)
    if found is None:
        return None
    step, looks = found
    if not asset.possible:
        return score({}, {}, critical_in_order=True)
    parts = [0.0] * 3
    if is_believed(fleet, asset, looks) and not all(page.assets[asset.id].broken for page in looks):
        parts = [_points(fleet, asset, step, looks, part) for part in PARTS]
    possible = sum(asset.possible.values())
    percent = [min(100.0, 100 * part / possible) for part in parts]
    return Score(FORMULA, *percent, None, {})


def _points(fleet: Fleet, asset: Asset, step: int, looks: list[Page], part: str) -> float:
    """Return the points of an asset that its pages handed over, as old as they are now; the lower of two figures counts."""
    now = fleet.now
    told = [page.assets[asset.id].told(step * STEP + page.ahead) for page in looks]
    asleep = step < fleet.steps and asset.max_age > DAY
    fading = freshness(step * STEP - RECENT_SECONDS, now, asset.max_age) if asleep else 1.0
    points = fading * min(getattr(one.recent, part) for one in told)
    for check in {item.check for one in told for item in one.ageing}:
        items = [item for one in told for item in one.ageing if item.check == check]
        fresh = freshness(min(item.last_complete for item in items), now, asset.max_age)
        points += fresh * min(getattr(item.points, part) for item in items)
    surplus = max(one.recent.possible for one in told) - sum(asset.possible.values())
    return max(0.0, points - max(0, surplus))


def by_check(fleet: Fleet, asset: Asset) -> Score | None:
    """Return the asset's score by the formula itself, check by check, where it was judged as the province expects.

    None where it was not: its clock is wrong, it has rules of its own, it is asleep, or it is scraped twice.
    """
    found = latest(fleet, asset)
    if found is None or found[0] < fleet.steps or len(found[1]) > 1:
        return None
    (page,) = found[1]
    seen = page.assets[asset.id]
    if not is_believed(fleet, asset, [page]) or seen.broken or seen.expected != asset.possible:
        return None
    checks = {
        check: Points(*(min(getattr(points, part), most) for part in PARTS), most)
        for check, most in asset.possible.items()
        for points in (seen.points.get(check, Points()),)
    }
    fresh = {check: freshness(seen.last.get(check), fleet.now, asset.max_age) for check in checks}
    return score(checks, fresh, critical_in_order=True)
