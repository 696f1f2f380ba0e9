"""Find keys that Grafana does not know, at every depth: the SDK reads a dashboard and writes it again.

The SDK leaves out what its types do not declare. Three places are free-form to it and are looked at here:
matchers, the options of transformations, and the properties of overrides, which are fields like those of
`fieldConfig.defaults`.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, Final

from tools.dashboards.sdk import JSONEncoder, model, register_default_plugins, runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.dashboards.lint import Json

_MATCHERS: Final = frozenset({"byName", "byRegexp", "byType", "byFrameRefID"})
_FREE: Final = None  # names of fields stand for keys
_TRANSFORMATIONS: Final[dict[str, dict[str, frozenset[str] | None]]] = {
    "filterFieldsByName": {
        "include": frozenset({"names", "pattern"}),
        "exclude": frozenset({"names", "pattern"}),
    },
    "merge": {},
    "organize": {"excludeByName": _FREE, "includeByName": _FREE, "indexByName": _FREE, "renameByName": _FREE},
}
"""Transformation -> its options -> their keys; those that we use."""


def faults(document: Json) -> Iterator[tuple[str, str]]:
    """Find what the SDK does not know.

    Args:
        document: a dashboard.

    Yields:
        Path within the document, and what is wrong there.
    """
    register_default_plugins()
    yield from _lost(document, "", model.Dashboard.from_json)
    for index, panel in enumerate(document.get("panels", [])):
        yield from _of_panel(panel, f"panels[{index}]")


def _of_panel(panel: Json, path: str) -> Iterator[tuple[str, str]]:
    kind = panel.get("type")
    if kind == "row":
        for index, inner in enumerate(panel.get("panels", [])):
            yield from _of_panel(inner, f"{path}.panels[{index}]")
        return
    if runtime.panelcfg_config(kind) is None:
        yield path, f"unknown type of panel {kind!r}"
        return
    for index, override in enumerate(panel.get("fieldConfig", {}).get("overrides", [])):
        yield from _of_override(override, kind, f"{path}.fieldConfig.overrides[{index}]")
    for index, step in enumerate(panel.get("transformations", [])):
        yield from _of_transformation(step, f"{path}.transformations[{index}]")


def _of_override(override: Json, kind: str, path: str) -> Iterator[tuple[str, str]]:
    matcher = override["matcher"].get("id")
    if matcher not in _MATCHERS:
        yield f"{path}.matcher", f"unknown matcher {matcher!r}"
    for index, given in enumerate(override["properties"]):
        name, value = given.get("id", ""), given.get("value")
        here = f"{path}.properties[{index}]"
        if name.startswith("custom."):
            custom = {name.removeprefix("custom."): value}
            yield from _lost(custom, here, lambda data: runtime.panelcfg_field_config_from_json(data, kind))
        else:
            yield from _lost({name: value}, here, model.FieldConfig.from_json)


def _of_transformation(step: Json, path: str) -> Iterator[tuple[str, str]]:
    known = _TRANSFORMATIONS.get(step.get("id"))
    if known is None:
        yield path, f"unknown transformation {step.get('id')!r}"
        return
    for option, given in step.get("options", {}).items():
        keys = known.get(option, frozenset())
        if option not in known:
            yield f"{path}.options.{option}", _unknown(option, known)
        elif keys is not None:
            yield from (
                (f"{path}.options.{option}.{key}", _unknown(key, keys)) for key in given if key not in keys
            )


def _lost(document: Json, path: str, read: Any) -> Iterator[tuple[str, str]]:
    """Find keys that are gone once the SDK has read and written a document."""
    try:
        again = json.loads(json.dumps(read(document), cls=JSONEncoder))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        yield path or "dashboard", f"the SDK cannot read it: {type(error).__name__} {error}"
        return
    yield from _missing(document, again, path)


def _missing(before: Json, after: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            here = f"{path}.{key}" if path else key
            if key in after:
                yield from _missing(value, after[key], here)
            elif value is not None:  # the SDK leaves out null
                yield here, _unknown(key, after)
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from _missing(one, other, f"{path}[{index}]")
    elif type(before) is not type(after) and not {type(before), type(after)} <= {int, float}:
        yield path, f"{before!r} is not what Grafana takes here"


def _unknown(key: str, known: Any) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
