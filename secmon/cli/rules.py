"""Check, test, list and explain rules: `secmon rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secmon.cli.command import Bad, parse
from secmon.cli.output import destination, say, user_language
from secmon.cli.rulecommands import CHECK, EXPLAIN, LIST, SCHEMA, TEST
from secmon.core.texts import escape

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from secmon.agent.question import Answer
    from secmon.cli.command import Command
    from secmon.core.model import Json
    from secmon.core.plan import Invocation

COMMANDS = {command.name: command for command in (CHECK, TEST, LIST, EXPLAIN, SCHEMA)}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command about rules.

    Args:
        name: `rules check`, `rules test`, `rules list`, `rules explain` or `rules schema`.
        arguments: what follows it.

    Returns:
        0; 1 where a test failed; 2 where a file has faults.

    Raises:
        Bad: the arguments make no sense.
        NotLooked: the files could not be read to the end.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    runs = {
        CHECK.name: _check,
        TEST.name: _test,
        LIST.name: _list,
        EXPLAIN.name: _explain,
        SCHEMA.name: _schema,
    }
    return runs[name](values)


def _check(values: Namespace) -> int:
    from secmon.cli.rulepages import fault_rows, faults_text, good_text

    answer = _ask(_invocation(CHECK, values))
    lang = user_language(values.lang)
    lines = "".join(f"{escape(str(fault))}\n" for fault in answer.faults)
    if values.format == "json":
        faults = [fault for fault in answer.faults if not fault.warning]
        warnings = [fault for fault in answer.faults if fault.warning]
        told = {"faults": fault_rows(faults), "warnings": fault_rows(warnings)}
        _write_json(told | (answer.value or {}))
    elif answer.value is not None:
        _write(lines + good_text(answer.value, len(answer.faults), lang))
    else:
        _write(lines)
        say(faults_text(answer.faults, lang))
    return 2 if answer.value is None else 0


def _test(values: Namespace) -> int:
    from secmon.cli.invocation import report_faults
    from secmon.cli.rulepages import outcomes_text

    answer = _ask(_invocation(TEST, values, rule=values.rule))
    if answer.value is None:
        return report_faults(answer.faults)
    tests = answer.value
    if not values.require_tests:
        tests["lacking"] = []
    _write(outcomes_text(tests, user_language(values.lang)))
    return 1 if tests["failures"] or tests["lacking"] else 0


def _list(values: Namespace) -> int:
    from secmon.cli.invocation import report_faults
    from secmon.cli.rulepages import list_text
    from secmon.core.rulerows import pick

    answer = _ask(_invocation(LIST, values))
    if answer.value is None:
        return report_faults(answer.faults)
    try:
        rows = pick(
            answer.value,
            check=values.check or "",
            severity=values.severity or "",
            profile=values.profile,
            framework=values.map,
        )
    except ValueError as error:
        raise Bad(str(error)) from error
    if values.format == "json":
        _write_json({"rules": rows})
    else:
        _write(list_text(rows, user_language(values.lang)))
    return 0


def _explain(values: Namespace) -> int:
    from secmon.cli.invocation import report_faults
    from secmon.cli.rulepages import explanation_text

    if len(values.id) != 1:
        raise Bad("secmon rules explain takes the id of one rule; `secmon rules list` shows them")
    asked = _invocation(
        EXPLAIN,
        values,
        paths=values.rules,
        rule=values.id[0],
        role=values.role or "",
        level=values.level,
        unit=values.unit,
        asset=values.asset,
    )
    answer = _ask(asked)
    if answer.value is None:
        return report_faults(answer.faults)
    _write(explanation_text(answer.value, user_language(values.lang)))
    return 0


def _schema(_: Namespace) -> int:
    from secmon.checks import load
    from secmon.core.ruleschema import schema_text

    _write(schema_text(load()))
    return 0


def _invocation(command: Command, values: Namespace, **more: Any) -> Invocation:
    from secmon.cli.invocation import environment
    from secmon.core.plan import Invocation

    paths = more.pop("paths", None) or getattr(values, "paths", [])
    rules = tuple(dict.fromkeys(paths))
    return Invocation(command.name, config=values.config, rules=rules, environment=environment(), **more)


def _ask(invocation: Invocation) -> Answer:
    from secmon import app
    from secmon.cli.invocation import told_plainly

    with told_plainly():
        return app.ask_rules(invocation)


def _write(text: str) -> None:
    with destination("") as out:
        out.write(text)


def _write_json(value: Json) -> None:
    import json

    _write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
