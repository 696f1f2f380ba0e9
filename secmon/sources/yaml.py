"""Read one YAML file strictly, with the place of every value, from bytes that nobody vouched for.

PyYAML scans and parses; the tree is built here, straight from its events. That leaves out its composer,
which recurses in C and dies of a segmentation fault at 40,000 open brackets, and its resolver, which reads
YAML 1.1 (`no` is false, `12:30` is 750). Plain scalars are those of the YAML 1.2 core schema, less what
people do not mean as numbers: `022`, `0o17`, `0x1F`, `1_000`, `.inf` and dates stay text.
"""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from secmon.core.nodes import Map, Mark, Seq, place_of
from secmon.core.rule import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE_LIMIT: Final = 5_000_000
"""Bytes of a file."""
DEPTH_LIMIT: Final = 32
"""Collections inside each other."""
NODE_LIMIT: Final = 300_000
"""Values of a file; 500 rules with their tests are 17,500."""
FAULT_LIMIT: Final = 100
"""Faults told of one file."""

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# 18 digits fit in 64 bits; longer ones are serial numbers, and those are text.
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_WHOLE: Final = r"(?:0|[1-9][0-9]{0,31})"
_POWER: Final = r"[eE][-+]?[0-9]{1,3}"
_FLOAT: Final = re.compile(
    rf"[-+]?(?:(?:\.[0-9]{{1,32}}|{_WHOLE}\.[0-9]{{0,32}})(?:{_POWER})?|{_WHOLE}{_POWER})\Z"
)
_NUMBER_STARTS: Final = frozenset("+-.0123456789")
# YAML 1.2 section 5.1, less what ends a line for a parser and not in an editor: a carriage return alone, and
# the line ends of YAML 1.1.
_FORBIDDEN: Final = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202a-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
    "|\\r(?!\\n)"
)
_JOINED_COMMENT: Final = re.compile(r"[|>][-+0-9]*#")  # the two parsers differ about it
_UNQUOTED: Final = (
    ("::", 'quote the text that holds "::"'),
    (r"\]\s*[^\s,\]}#]", 'quote the text that begins with "["'),
)
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """One file as it was read.

    Attributes:
        file: as the person named it.
        value: its top value; None for an empty file.
        faults: what is wrong with it as YAML.
        readable: `value` holds the whole file, so that it can be validated in spite of faults.
    """

    file: str
    value: Any
    faults: tuple[Fault, ...] = ()
    readable: bool = True

    @property
    def place(self) -> Place:
        """Return where the top value begins."""
        return place_of(self.value, self.file)


class _Broken(Exception):  # noqa: N818  # ends the reading of a file; never leaves this module
    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def has_libyaml() -> bool:
    """Return whether PyYAML brings the parser written in C."""
    return bool(yaml.__with_libyaml__)


def read(data: bytes, file: str, *, pure: bool = False) -> Document:
    """Read one file.

    Args:
        data: its bytes, UTF-8.
        file: its name in messages.
        pure: use PyYAML's parser in Python although the one in C is there; seven times slower.

    Returns:
        Its value with places, and every fault; this function raises nothing whatever the bytes are.
    """
    builder = _Builder(file)
    try:
        if data.startswith(BOM_UTF8):
            message = "the file begins with a byte order mark"
            builder.faults.append(Fault(Place(file, 1, 1), "", message, "save it as UTF-8 without one"))
        text = builder.text = _decode(data.removeprefix(BOM_UTF8), file)
        _refuse_characters(text, file)
        for event in _events(text, file, pure=pure or not has_libyaml()):
            builder.take(event)
    except _Broken as broken:
        return Document(file, None, (*builder.faults, broken.fault), readable=False)
    return Document(file, builder.value, tuple(builder.faults))


def _decode(data: bytes, file: str) -> str:
    if len(data) > SIZE_LIMIT:
        raise _Broken(
            Fault(
                Place(file, 1, 1),
                "",
                f"the file has {len(data)} bytes",
                f"split it: at most {SIZE_LIMIT} bytes are read",
            )
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        fault = Fault(
            _place_at(before, len(before), file),
            "",
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            "save the file as UTF-8",
        )
        raise _Broken(fault) from None


def _refuse_characters(text: str, file: str) -> None:
    """Refuse what the two parsers, or a person and a parser, would see differently."""
    hidden = _FORBIDDEN.search(text)
    if hidden:
        message = f"the character U+{ord(hidden[0]):04X} is not allowed"
        raise _Broken(Fault(_place_at(text, hidden.start(), file), "", message, "remove it"))
    tab = text.find("\t")
    if tab >= 0:
        raise _Broken(
            Fault(
                _place_at(text, tab, file),
                "",
                f"a tab ({text.count(chr(9))} in the file)",
                'use spaces; inside a text in double quotes write "\\t"',
            )
        )
    directive = _DIRECTIVE.search(text)
    if directive:
        message = "a line that begins with % is a directive, which is not read"
        raise _Broken(
            Fault(_place_at(text, directive.start(), file), "", message, "remove it, or quote the text")
        )


def _place_at(text: str, index: int, file: str) -> Place:
    lines = re.split(r"\r\n|\r|\n", text[:index])
    return Place(file, len(lines), len(lines[-1]) + 1)


def _events(text: str, file: str, *, pure: bool) -> Iterator[Any]:
    loader = yaml.SafeLoader if pure else yaml.CSafeLoader
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise _Broken(_fault_of(error, text, file)) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser in Python raises the last two for escapes beyond Unicode.
        raise _Broken(Fault(Place(file, 1, 1), "", f"not YAML: {error}")) from None


def _fault_of(error: yaml.MarkedYAMLError, text: str, file: str) -> Fault:
    """Return a parser's error with the place that a person has to mend."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return Fault(Place(file, 1, 1), "", f"not YAML: {error.problem}")
    message = f"not YAML: {error.problem}"
    opened = error.context_mark
    begins = text[opened.index : opened.index + 1] if opened else ""
    if opened and begins in {"*", "&"}:
        mark, message = opened, f"{begins} does not begin a plain text"
    elif opened and _is_quoted(error) and re.search("stream|document", error.problem or ""):
        mark, message = opened, f"{begins} is opened here and not closed"
    return Fault(Place(file, mark.line + 1, mark.column + 1), "", message, _advise(error, text, mark))


def _is_quoted(error: yaml.MarkedYAMLError) -> bool:
    return "quoted scalar" in (error.context or "")


def _advise(error: yaml.MarkedYAMLError, text: str, mark: yaml.Mark) -> str:
    problem = error.problem or ""
    if _is_quoted(error):
        return 'close it; write "\\\\" for a backslash'
    lines = text.splitlines()
    shown = lines[mark.line] if mark.line < len(lines) else ""
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    starts = {text[mark.index : mark.index + 1] for mark in marks}
    for character in "*&@`!%|>":
        if character in starts:
            return f'quote a text that begins with "{character}"'
    for pattern, advice in _UNQUOTED:
        if re.search(pattern, shown):
            return advice
    if "mapping values" in problem:
        return 'quote a text that holds ": ", or mend the indentation'
    if not text[mark.index :].strip():
        return "close the bracket that is opened above"
    return "mend the indentation, or close a quote above" if re.search("key|block end", problem) else ""


@dataclass(slots=True)
class _Frame:
    """A collection that is open, with the key that waits for its value."""

    node: Map | Seq
    key: str | None = None
    key_mark: Mark = (1, 1)
    wants_key: bool = True


@dataclass(slots=True)
class _Builder:
    """Builds the tree with a stack of its own: no depth of input can exhaust Python's."""

    file: str
    text: str = ""
    value: Any = None
    faults: list[Fault] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    documents: int = 0
    nodes: int = 0

    def take(self, event: Any) -> None:
        """Add one parser event."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._check_properties(event)
            self._add(self._scalar(event), event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._check_properties(event)
            self._open(event, Map if kind is yaml.MappingStartEvent else Seq)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._tell(
                event, f"*{event.anchor} is an alias, which is not read", "write it out, or quote a text"
            )
            self._add(None, event)
        elif kind is yaml.DocumentStartEvent:
            self._start_document(event)

    def _start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            message = "a second document begins here"
            raise _Broken(Fault(self._place(event), "", message, "put it into a file of its own"))

    def _check_properties(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            raise _Broken(Fault(self._place(event), "", f"more than {NODE_LIMIT} values", "split the file"))
        if event.anchor is not None:
            self._tell(
                event,
                f"&{event.anchor} is an anchor, which is not read",
                "write the value out, or quote a text",
            )
        if event.tag is not None:
            self._tell(event, "a tag is not read", 'remove it, or quote a text that begins with "!"')

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block
            if not text.isascii() and not _is_unicode(text):
                self._tell(event, "half of a surrogate pair is no character", "write the character itself")
                return ""
            if event.style in {"|", ">"} and _JOINED_COMMENT.match(self.text, event.start_mark.index):
                self._tell(event, "a comment follows without a blank", "put a blank before #")
            return text
        return resolve(text)

    def _open(self, event: Any, make: type[Map | Seq]) -> None:
        if len(self.stack) >= DEPTH_LIMIT:
            message = f"more than {DEPTH_LIMIT} levels inside each other"
            raise _Broken(Fault(self._place(event), "", message, "is a bracket or a quote missing?"))
        node = make(self._mark(event))
        frame = self.stack[-1] if self.stack else None
        if frame and isinstance(frame.node, Map) and frame.wants_key:
            self._tell(event, "a key must be text", "quote it")
            frame.key, frame.wants_key = None, False
            self.stack.append(_Frame(node, wants_key=True))
            return
        self._store(node, event)
        self.stack.append(_Frame(node))

    def _close(self) -> None:
        self.stack.pop()

    def _add(self, value: Any, event: Any) -> None:
        frame = self.stack[-1] if self.stack else None
        if frame and isinstance(frame.node, Map) and frame.wants_key:
            self._take_key(frame, value, event)
        else:
            self._store(value, event)

    def _take_key(self, frame: _Frame, value: Any, event: Any) -> None:
        frame.wants_key, frame.key, frame.key_mark = False, None, self._mark(event)
        if not isinstance(value, str):
            self._tell(event, f"a key must be text, not {_show(value)}", "quote it")
        elif value == "<<" and event.implicit[0]:
            self._tell(event, "<< is a merge key, which is not read", "write the keys out")
        elif value in frame.node:
            line, column = frame.node.key_marks[value]  # type: ignore[union-attr]  # a frame that wants keys is a Map
            self._tell(
                event, f"the key {value} stands twice", f"it stands at {line}:{column} already; remove one"
            )
        else:
            frame.key = value

    def _store(self, value: Any, event: Any) -> None:
        if not self.stack:
            self.value = value
            return
        frame = self.stack[-1]
        if isinstance(frame.node, Seq):
            frame.node.append(value)
            frame.node.item_marks.append(self._mark(event))
            return
        if frame.key is not None:
            frame.node[frame.key] = value
            frame.node.key_marks[frame.key] = frame.key_mark
            frame.node.value_marks[frame.key] = self._mark(event)
        frame.wants_key = True

    def _tell(self, event: Any, message: str, advice: str) -> None:
        if len(self.faults) >= FAULT_LIMIT:
            raise _Broken(
                Fault(self._place(event), "", f"more than {FAULT_LIMIT} faults", "mend the ones above")
            )
        self.faults.append(Fault(self._place(event), self._path(), message, advice))

    def _path(self) -> str:
        path = ""
        for depth, frame in enumerate(self.stack, 1):
            if isinstance(frame.node, Seq):  # an open item is in its list already
                path += f"[{len(frame.node) - (depth < len(self.stack))}]"
            elif frame.key is not None:
                path += f".{frame.key}"
        return path.removeprefix(".")

    def _place(self, event: Any) -> Place:
        return Place(self.file, *self._mark(event))

    @staticmethod
    def _mark(event: Any) -> Mark:
        mark = event.start_mark
        return mark.line + 1, mark.column + 1


def resolve(text: str) -> Any:
    """Return the value of a plain scalar.

    Args:
        text: the scalar as written.

    Returns:
        None, a boolean, an integer, a finite float, or the text itself.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_STARTS:
        if _INTEGER.match(text):
            return int(text)
        if _FLOAT.match(text):
            number = float(text)
            return number if math.isfinite(number) else text
    return text


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _show(value: float | None) -> str:
    return "null" if value is None else str(value).lower()
