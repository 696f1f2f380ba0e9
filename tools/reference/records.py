"""List the decision records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.reference.markdown import page as markdown_page
from tools.reference.markdown import table

if TYPE_CHECKING:
    from pathlib import Path


def page(folder: Path) -> str:
    """Return docs/adr/README.md.

    Args:
        folder: holds records named `NNNN-title.md` that begin with `# NNNN. Title`.

    Returns:
        The page.
    """
    records = sorted(folder.glob("[0-9][0-9][0-9][0-9]-*.md"))
    return markdown_page(
        "Decision records",
        "One page for each decision that would be dear to undo: context, decision, consequences. A record "
        "is never "
        "rewritten; a later one says that it replaces it.",
        table(("", "decision"), (_row(path) for path in records)),
    )


def _row(path: Path) -> tuple[str, str]:
    with path.open(encoding="utf-8") as lines:
        number, _, title = next(lines).removeprefix("# ").strip().partition(". ")
    return f"[{number}]({path.name})", title
