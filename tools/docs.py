"""Write docs/reference, docs/man, the schemas and the example from what the program itself declares.

`--check` writes nothing and fails where a file is stale.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.checks import load
from secmon.core.profiles import load_profiles
from secmon.core.rules import load_rules, rule_ids
from secmon.core.ruleschema import schema_text
from secmon.export.report.schema import report_schema
from secmon.sources import yaml
from secmon.sources.paths import is_document
from tools.reference import commands, configuration, facts, manual, metrics, province, records, rules

if TYPE_CHECKING:
    from secmon.core.contract import Registry
    from secmon.core.rule import Profile, Rule

ROOT: Final = Path(__file__).resolve().parent.parent


def read_rules(folder: Path, registry: Registry) -> tuple[list[Rule], list[Profile]]:
    """Read every rule and profile of a folder.

    Args:
        folder: such as `rules/`.
        registry: the checks whose facts rules name.

    Returns:
        Rules and profiles, sorted by id and name.

    Raises:
        ValueError: a file has faults; the text names each.
    """
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    read = [yaml.read((folder / name).read_bytes(), name) for name in names if is_document(name)]
    documents = [(document.file, document.value) for document in read]
    found, faults = load_rules(documents, registry)
    profiles, more = load_profiles(documents, found, rule_ids(documents), registry)
    told = [*(fault for document in read for fault in document.faults), *faults, *more]
    if told:
        raise ValueError("\n".join(map(str, told)))
    return sorted(found, key=lambda rule: rule.id), sorted(profiles, key=lambda profile: profile.name)


def generate(root: Path) -> dict[Path, str]:
    """Make every generated file.

    Args:
        root: the checkout.

    Returns:
        Path -> content.
    """
    registry = load()
    found, profiles = read_rules(root / "rules", registry)
    schema = json.dumps(report_schema(registry), ensure_ascii=False, indent=2) + "\n"
    reference = root / "docs" / "reference"
    return {
        reference / "rules.md": rules.page(found, profiles, registry),
        reference / "facts.md": facts.page(registry),
        reference / "metrics.md": metrics.page(registry),
        reference / "command-line.md": commands.page(),
        reference / "configuration.md": configuration.page(registry),
        reference / "report.schema.json": schema,
        reference / "rules.schema.json": schema_text(registry),
        root / "secmon" / "data" / "report.schema.json": schema,
        root / "docs" / "man" / "secmon.1": manual.page(),
        root / "docs" / "adr" / "README.md": records.page(root / "docs" / "adr"),
        root / "deploy" / "examples" / "inventory.yml": province.page(root / "rules"),
    }


def main(arguments: list[str]) -> int:
    """Write what has changed, or say what is stale.

    Args:
        arguments: `--check`, or nothing.

    Returns:
        0; with `--check` 1 where a file is stale.
    """
    stale = [
        path
        for path, content in generate(ROOT).items()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    for path in stale:
        print(path.relative_to(ROOT))
    if arguments == ["--check"]:
        print(f"docs: {len(stale)} stale files" + ("; run `make docs`" if stale else ""))
        return 1 if stale else 0
    contents = generate(ROOT)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(contents[path], encoding="utf-8")
    print(f"docs: {len(stale)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
