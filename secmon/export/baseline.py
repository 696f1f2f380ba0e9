"""Write what listens now as an allow-list, for a person to review: `--write-baseline`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from secmon.core.texts import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from secmon.core.model import Json

_HEAD: Final = """\
# What {asset} let in on {day}, as an allow-list. Danh sách cổng mà {asset} đang mở, để xem lại.
#
# Read every line: it permits what was there, good or bad. Take out what should not be, give what is for a
# while an end (until: 2027-03-31), put the file into a folder of rules.overrides, run `secmon config check`.
# Đọc từng dòng: tệp này cho phép mọi thứ đang có, kể cả cổng xấu. Xóa dòng không cần, thêm hạn (until) cho
# cổng tạm thời, đặt tệp vào thư mục rules.overrides rồi chạy `secmon config check`.
"""
_REASON: Final = "what stood open on {day}, reviewed by (name)"
_LISTENERS: Final = "ports.unexpected-listener"
_PUBLISHED: Final = "ports.unexpected-published"


def render(report: Json) -> str:
    """Return the overrides that permit what is reachable now.

    Args:
        report: `secmon.report/1` of a scan of this host's ports.

    Returns:
        YAML for a folder of overrides.
    """
    day = report["finished"][:10]
    parts = []
    for asset in report["assets"]:
        seen = [item for item in report["observations"] if item["asset"] == asset["id"]]
        facts = [fact for item in seen for fact in item["facts"] if fact.get("scope") == "exposed"]
        parts.append(_HEAD.format(asset=asset["id"], day=day))
        parts += [f"# Not all could be seen: {_safe(item['detail'])}\n" for item in seen if item["reason"]]
        parts.append("overrides:\n")
        listeners = [_listener(fact) for fact in facts if fact["kind"] == "listener"]
        published = [_published(fact) for fact in facts if fact["kind"] == "published"]
        parts += _override(asset["id"], _LISTENERS, listeners, day)
        parts += _override(asset["id"], _PUBLISHED, published, day)
    return "".join(parts)


def _override(asset: str, rule: str, entries: Iterable[tuple[Json, str]], day: str) -> Iterator[str]:
    lines = dict.fromkeys(f"        - {_flow(entry)}{note}\n" for entry, note in entries)
    yield f"  - match: {{asset: {json.dumps(asset)}}}\n"
    yield f"    rule: {rule}\n"
    yield f"    reason: {json.dumps(_REASON.format(day=day))}\n"
    yield "    params:\n      allow:\n" if lines else "    params: {allow: []}\n"
    yield from sorted(lines)


def _listener(fact: Json) -> tuple[Json, str]:
    """Return the entry of a listener: by number, or by its owner where the kernel picked the number."""
    picked = str(fact.get("port_key", "")).startswith("ephemeral")
    entry: Json = {"proto": fact["proto"]} if picked else {"proto": fact["proto"], "port": fact["port"]}
    if fact["address_class"] != "wildcard":
        entry["address"] = fact["address"]
    for name in ("systemd_unit", "user"):
        if fact.get(name) is not None:
            entry[name] = fact[name]
            break
    what = (str(fact[name]) for name in ("process", "package") if fact.get(name))
    return entry, _note(what)


def _published(fact: Json) -> tuple[Json, str]:
    names = ("proto", "port", "to_address", "to_port")
    return {name: fact[name] for name in names if fact.get(name) is not None}, ""


def _note(words: Iterable[str]) -> str:
    text = ", ".join(dict.fromkeys(map(_safe, words)))
    return f"  # {text}" if text else ""


def _safe(text: str) -> str:
    return escape(text).replace("\n", " ")


def _flow(entry: Json) -> str:
    """Return a mapping in YAML's flow style; a text in double quotes of JSON is one of YAML too."""
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in entry.items()) + "}"


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
