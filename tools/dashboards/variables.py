"""Find the variables in Grafana's texts, and put values in their places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# $name, ${name}, ${name:format}, ${name.field}, ${name["field"]}, [[name]], [[name:format]]
_REFERENCE: Final = re.compile(
    r"\$(?P<plain>\w+)|\$\{(?P<braced>\w+)(?:[.\[][^}:]*)?(?::[\w:.-]+)?\}|\[\[(?P<old>\w+)(?::\w+)?\]\]"
)


def names(text: str) -> set[str]:
    """Return the variables that a text refers to, Grafana's own with their leading underscores too."""
    return {_name(found) for found in _REFERENCE.finditer(text)}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with values instead of variables.

    Args:
        text: such as PromQL.
        values: variable -> value; a variable without one is left as it is.
    """
    return _REFERENCE.sub(lambda found: values.get(_name(found), found[0]), text)


def _name(found: re.Match[str]) -> str:
    return str(found["plain"] or found["braced"] or found["old"])
