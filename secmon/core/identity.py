"""Give findings an identity that survives restarts, new pids and new versions."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEME = "secmon-fp/1"


def fingerprint(asset: str, rule: str, target: str, key: Iterable[Any]) -> str:
    """Return the identity of a finding.

    Args:
        asset: id of the asset.
        rule: id of the rule.
        target: the target's text.
        key: values of the kind's key fields in declared order; empty where a whole target is meant.

    Returns:
        sha256 in hex of compact UTF-8 JSON.
    """
    text = json.dumps([SCHEME, asset, rule, target, list(key)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
