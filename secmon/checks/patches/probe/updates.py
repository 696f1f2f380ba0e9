"""Read apt's lists and preferences of one root and say what is pending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.checks.patches.archive import Index, Release, find_indexes, parse_release
from secmon.checks.patches.facts import UpdatesView, judge_security_index
from secmon.checks.patches.pins import Pin, Source, default_release, parse_preferences
from secmon.checks.patches.policy import Offers, find_updates
from secmon.checks.patches.probe.indexes import read_pieces
from secmon.checks.patches.probe.settings import CONFIG_LIMIT
from secmon.core.contract import Unavailable
from secmon.core.model import Reason

if TYPE_CHECKING:
    from secmon.checks.patches.dpkg import Installed
    from secmon.checks.patches.probe.handles import Handles, RootHandles

_RELEASE_LIMIT: Final = 16 << 20


def read_updates(
    handles: Handles, root: RootHandles, installed: Installed, options: dict[str, str] | Reason
) -> UpdatesView:
    """Say what is pending; the first thing that hides something decides the reason, what was found stays.

    Args:
        handles: what is open.
        root: the root.
        installed: its packages.
        options: apt's configuration, for APT::Default-Release.
    """
    if root.lists_failure:
        why = root.lists_failure
        return UpdatesView((), why.reason, why.reason, why.detail)
    faults: list[Unavailable] = []
    if isinstance(options, Reason):
        faults.append(Unavailable(options, "apt's configuration could not be read"))
    pins = _read_pins(root, faults)
    if isinstance(options, dict) and options.get("apt::default-release"):
        pins.insert(0, default_release(options["apt::default-release"]))
    releases = _read_releases(root, faults)
    offers = Offers(installed)
    sources = [Source(index, releases.get(index.release, Release())) for index in find_indexes(root.lists)]
    for source in sources:
        _read_index(handles, root, offers, source, faults)
    pending = find_updates(offers, pins)
    if pending.unordered:
        names = ", ".join(pending.unordered[:5])
        faults.append(Unavailable(Reason.BAD_DATA, f"the installed version of {names} is no Debian version"))
    index = judge_security_index(sources, installed, handles.task.now)
    if faults:
        return UpdatesView(pending.updates, index.date, faults[0].reason, faults[0].detail)
    return UpdatesView(pending.updates, index.date, index.reason, index.detail)


def _read_pins(root: RootHandles, faults: list[Unavailable]) -> list[Pin]:
    pins: list[Pin] = []
    for opened in root.preferences:
        try:
            found = opened.parse(parse_preferences, CONFIG_LIMIT)
        except Unavailable as why:
            faults.append(why)
            continue
        pins += found.pins
        if found.unknown:
            detail = f"{opened.path} has a pin that secmon does not know (regular expression, src: name)"
            faults.append(Unavailable(Reason.UNSUPPORTED, detail))
    return pins


def _read_releases(root: RootHandles, faults: list[Unavailable]) -> dict[str, Release]:
    releases: dict[str, Release] = {}
    for name in sorted({index.release for index in find_indexes(root.lists) if index.release}):
        try:
            releases[name] = root.lists[name].parse(parse_release, _RELEASE_LIMIT)
        except Unavailable as why:
            faults.append(why)
    return releases


def _read_index(
    handles: Handles, root: RootHandles, offers: Offers, source: Source, faults: list[Unavailable]
) -> None:
    index: Index = source.index
    opened = root.lists[index.name]
    try:
        offers.add(source, read_pieces(opened.descriptor(), opened.path, index.compression, handles.lz4))
    except Unavailable as why:
        faults.append(why)
    except ValueError as error:
        faults.append(Unavailable(Reason.BAD_DATA, f"{opened.path} cannot be understood: {error}"))
