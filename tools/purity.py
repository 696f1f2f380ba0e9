"""Hold the pure part of secmon to an allow-list of imports and calls (docs/adr/0001-pure-and-io-folders.md).

Pure are `secmon/core/**` and each module of a check outside its `probe/` folder: no I/O, no clock, no chance.
import-linter polices packages of ours; this program polices the standard library and calls too.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ALLOWED_IMPORTS: Final = frozenset(
    {
        "__future__",
        "array",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "fnmatch",
        "functools",
        "hashlib",
        "heapq",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "unicodedata",
    }
)
"""Modules of the standard library that look at nothing outside their arguments."""

ALLOWED_PACKAGES: Final = {"tls": ("cryptography",)}
"""Check -> packages that its pure modules may use: X.509 is not written by hand."""

REFUSED_NAMES: Final = frozenset(
    {"__builtins__", "__import__", "breakpoint", "eval", "exec", "input", "open", "print"}
)
REFUSED_CALLS: Final = frozenset(
    {"now", "read_bytes", "read_text", "today", "utcnow", "write_bytes", "write_text"}
)
CLOCKS: Final = frozenset({"date", "datetime"})
"""Names on which a clock method is refused even where it is not called at once."""


def pure_modules(root: Path) -> list[Path]:
    """List the modules that must be pure.

    Args:
        root: the folder that holds `secmon/`.

    Returns:
        Paths in a fixed order.
    """
    package = root / "secmon"
    core = (package / "core").rglob("*.py")
    checks = (
        path
        for path in (package / "checks").rglob("*.py")
        if path.parent != package / "checks" and "probe" not in path.relative_to(package).parts
    )
    return sorted((*core, *checks))


def faults(path: Path, root: Path) -> Iterator[str]:
    """Find what makes a module impure.

    Args:
        path: the module.
        root: the folder that holds `secmon/`.

    Yields:
        `file:line:col: what is wrong`.
    """
    parts = path.relative_to(root).parts
    check = parts[2] if parts[1] == "checks" else ""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        message = _fault(node, check)
        if message:
            line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
            yield f"{path.relative_to(root)}:{line}:{column}: {message}"


def _fault(node: ast.AST, check: str) -> str:
    match node:
        case ast.Import(names=names):
            refused = [name.name for name in names if not _is_allowed(name.name, check)]
            return f"import of {', '.join(refused)} in a pure module" if refused else ""
        case ast.ImportFrom(module=module, level=level, names=names):
            return _fault_of_from(module or "", level, [name.name for name in names], check)
        case ast.Name(id=name, ctx=ast.Load()) if name in REFUSED_NAMES:
            return f"{name} in a pure module"
        case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name) if (
            owner in CLOCKS
        ):
            return f"{owner}.{name} in a pure module: take it as an argument" if name in REFUSED_CALLS else ""
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in REFUSED_CALLS:
            is_clock = isinstance(value, (ast.Name, ast.Attribute)) and _last_name(value) in CLOCKS
            return "" if is_clock else f"call of .{name}() in a pure module: take it as an argument"
    return ""


def _last_name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _fault_of_from(module: str, level: int, names: list[str], check: str) -> str:
    if level:
        return "relative import: write the whole name"
    if module == "secmon":  # `from secmon import core`
        refused = [name for name in names if not _is_allowed(f"secmon.{name}", check)]
    elif check and module == f"secmon.checks.{check}" and "probe" in names:
        refused = ["probe"]
    else:
        refused = [] if _is_allowed(module, check) else [module]
    return f"import of {', '.join(refused)} in a pure module" if refused else ""


def _is_allowed(module: str, check: str) -> bool:
    if module in ALLOWED_IMPORTS or _is_within(module, "secmon.core"):
        return True
    if not check:
        return False
    own = f"secmon.checks.{check}"
    if _is_within(module, own) and not _is_within(module, f"{own}.probe"):
        return True
    return any(_is_within(module, package) for package in ALLOWED_PACKAGES.get(check, ()))


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def main(root: Path) -> int:
    """Check every pure module.

    Args:
        root: the folder that holds `secmon/`.

    Returns:
        0 where all are pure, else 1.
    """
    modules = pure_modules(root)
    found = [fault for path in modules for fault in faults(path, root)]
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"purity: {len(modules)} modules, {len(found)} faults")
    return 1 if found or not modules else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
