"""Name what the supervisor tells whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.judgement import Judgement
    from secmon.core.model import Reason


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the supervisor calls.

    Attributes:
        plan: the configuration child has ended: `ok` with the line of the CorePlan, `faults` with the faults,
            or a Reason with what it wrote.
        judged: a check was judged, or could not be, with the reason.
        progress: a probe told how far it is: check, done, total.
        crashed: the last that a judge wrote that did not finish: check, any text.
    """

    plan: Callable[[str, bytes], None]
    judged: Callable[[str, Judgement | None, Reason | None], None]
    progress: Callable[[str, int, int], None] = lambda _check, _done, _total: None
    crashed: Callable[[str, str], None] = lambda _check, _text: None
