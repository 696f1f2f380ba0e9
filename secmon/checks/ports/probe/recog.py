"""Read fingerprints in the format of recog (github.com/rapid7/recog), which an operator may point to.

Each file says which text its fingerprints match. It is parsed, and its patterns are compiled, when such a
text is first met. A document type is refused, so that nothing expands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from secmon.core.fingerprint import Match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

TEXTS: Final = {
    "ssh": ("ssh.banner",),
    "ftp": ("ftp.banner",),
    "smtp": ("smtp.banner",),
    "pop3": ("pop3.banner",),
    "imap": ("imap4.banner",),
    "telnet": ("telnet.banner",),
    "greeting": ("nntp.banner",),
    "http.server": ("http_header.server",),
    "http.authenticate": ("http_header.wwwauth",),
    "http.cookie": ("http_header.cookie",),
    "http.title": ("html_title",),
    "tls.subject": ("x509.subject",),
    "mysql": ("mysql.banners", "mysql.error"),
    "rtsp": ("rtsp_header.server",),
    "sip": ("sip_header.server", "sip_header.user_agent"),
    "snmp": ("snmp.sys_description",),
    "ntp": ("ntp.readvar",),
    "dns": ("dns.versionbind",),
}
"""Name of a text here -> what recog calls it in `matches`."""

_FLAGS: Final = {
    "REG_ICASE": re.IGNORECASE,
    "REG_DOT_NEWLINE": re.DOTALL,
    "REG_MULTILINE": re.DOTALL,  # Ruby's Regexp::MULTILINE lets the dot match line ends
    "REG_LINE_ANY_CRLF": re.NOFLAG,
}
_RUBY_LINES: Final = re.MULTILINE  # ^ and $ of Ruby stand at every line
_HOLDER: Final = re.compile(r"\{([a-z0-9_.]+)\}")
_POSITION: Final = re.compile(r"[0-9]{1,2}\Z")
_DEPTH: Final = 6


class _RefusedError(Exception):
    """A file is not what it should be."""


@dataclass(slots=True)
class Entry:
    """One fingerprint of recog.

    Attributes:
        name: file and line.
        source: its regular expression.
        flags: of the expression.
        params: position of a group, name and constant value of what is told.
        examples: texts with the values that they must tell, encoded as their attributes say.
        pattern: the expression, compiled when it is first needed; None where Python cannot.
    """

    name: str
    source: str
    flags: int
    params: list[tuple[int, str, str]] = field(default_factory=list)
    examples: list[tuple[dict[str, str], str]] = field(default_factory=list)
    pattern: re.Pattern[str] | None = None

    def compile(self) -> bool:
        """Compile the expression, and tell whether Python can."""
        try:
            self.pattern = re.compile(_to_front(self.source), self.flags)
        except (re.error, OverflowError, RecursionError):
            return False
        return True

    def values(self, text: str) -> dict[str, str] | None:
        """Return what the fingerprint tells of a text by recog's names, None where it does not know it."""
        found = self.pattern.search(text) if self.pattern is not None else None
        if found is None:
            return None
        told = {name: value for position, name, value in self.params if position == 0}
        for position, name, _ in self.params:
            if 0 < position <= len(found.groups()) and found[position]:
                told[name] = found[position]
        return {name: value for name, raw in told.items() if (value := _fill(raw, told))}

    def match(self, text: str) -> Match | None:
        """Return what the fingerprint says of a text; None where it names no product."""
        told = self.values(text)
        if told is None:
            return None
        for part in ("service", "hw", "os"):
            product = told.get(f"{part}.product") or (
                told.get(f"{part}.family") if part != "service" else None
            )
            if product:
                return Match(
                    product=product,
                    vendor=told.get(f"{part}.vendor"),
                    version=told.get(f"{part}.version"),
                    cpe=_formatted(told.get(f"{part}.cpe23", "")),
                )
        return None


class Folder:
    """Files of recog.

    Args:
        files: path and content of each.
    """

    def __init__(self, files: Sequence[tuple[str, bytes]]) -> None:
        self._files: dict[str, list[tuple[str, bytes]]] = {}
        self._broken: list[str] = []
        for path, data in files:
            try:
                self._files.setdefault(_matches(data), []).append((path, data))
            except _RefusedError as error:
                self._broken.append(f"{path} is left out: {error}.")

    def known(self, text: str, notes: list[str]) -> Iterator[Entry]:
        """Return the fingerprints for a text.

        Args:
            text: its name here.
            notes: where it tells what had to be left out.
        """
        notes += self._broken
        self._broken = []
        for matches in TEXTS.get(text, ()):
            for path, data in self._files.get(matches, ()):
                try:
                    entries = list(read(path, data))
                except _RefusedError as error:
                    notes.append(f"{path} is left out: {error}.")
                    continue
                good = [entry for entry in entries if entry.compile()]
                if len(good) < len(entries):
                    notes.append(f"{path} has patterns that Python cannot read: {len(entries) - len(good)}.")
                yield from good


def read(path: str, data: bytes) -> Iterable[Entry]:
    """Read a file of recog.

    Args:
        path: its name, for those of its entries.
        data: its bytes.

    Raises:
        _RefusedError: it is no XML, or has a document type.
    """
    reader = _Reader(path)
    reader.parse(data)
    return reader.entries


def _matches(data: bytes) -> str:
    """Return which text the fingerprints of a file match; the telnet file of recog says only its protocol."""
    reader = _Reader("", only_root=True)
    reader.parse(data)
    telnet = "telnet.banner" if reader.root.get("protocol") == "telnet" else ""
    return reader.root.get("matches") or telnet


class _Reader:
    def __init__(self, path: str, *, only_root: bool = False) -> None:
        self.entries: list[Entry] = []
        self.root: dict[str, str] = {}
        self._path = path
        self._only_root = only_root
        self._open: list[str] = []
        self._example: dict[str, str] | None = None
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append

    def parse(self, data: bytes) -> None:
        """Read a whole file, or its first element."""
        try:
            self._parser.Parse(data, True)  # expat takes no keyword
        except expat.ExpatError as error:
            raise _RefusedError(f"it is no XML ({error})") from error
        except _EnoughError:
            return

    @staticmethod
    def _refuse(*_: object) -> None:
        raise _RefusedError("it declares a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        if len(self._open) > _DEPTH:
            raise _RefusedError("its elements are nested too deeply")
        if len(self._open) == 1:
            if name != "fingerprints":
                raise _RefusedError("it holds no fingerprints")
            self.root = attributes
            if self._only_root:
                raise _EnoughError
        elif name == "fingerprint":
            line = self._parser.CurrentLineNumber
            self.entries.append(
                Entry(f"{self._path}:{line}", attributes.get("pattern", ""), _flags(attributes))
            )
        elif name == "param" and self.entries and _POSITION.match(attributes.get("pos", "")):
            value = attributes.get("value", "")
            self.entries[-1].params.append((int(attributes["pos"]), attributes.get("name", ""), value))
        elif name == "example":
            self._example = attributes
        self._text.clear()

    def _end(self, name: str) -> None:
        self._open.pop()
        if name == "example" and self.entries and self._example is not None:
            self.entries[-1].examples.append((self._example, "".join(self._text)))
            self._example = None
        self._text.clear()


class _EnoughError(Exception):
    """The first element was read, and no more is wanted."""


def _flags(attributes: dict[str, str]) -> int:
    flags = int(_RUBY_LINES)
    for word in attributes.get("flags", "").split(","):
        flags |= _FLAGS.get(word.strip(), re.NOFLAG)
    return flags


def _to_front(pattern: str) -> str:
    """Return a pattern with `(?i)` at its beginning, where Python wants it."""
    return f"(?i){pattern.replace('(?i)', '')}" if "(?i)" in pattern[1:] else pattern


def _fill(value: str, told: dict[str, str]) -> str:
    """Return a value with `{name}` filled in; nothing where one of them is not known."""
    names = _HOLDER.findall(value)
    if any(name not in told for name in names):
        return _HOLDER.sub("-", value) if value.startswith("cpe:") else ""
    return _HOLDER.sub(lambda found: told[found[1]], value)


def _formatted(cpe: str) -> str | None:
    """Return a CPE 2.2 URI, which recog writes in `cpe23`, as a formatted string (NISTIR 7695 6.1, 6.2)."""
    if not cpe.startswith("cpe:/"):
        return cpe or None
    parts = [part or "*" for part in cpe.removeprefix("cpe:/").split(":")]
    parts = ["*" if part == "-" else part.lower().replace(" ", "_") for part in parts]
    return ":".join(["cpe:2.3", *parts, *["*"] * (11 - len(parts))])
