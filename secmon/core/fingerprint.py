"""Hold fingerprints: what the text by which a service shows itself says about its product."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from secmon.core.texts import TEXT_LIMIT

if TYPE_CHECKING:
    from secmon.core.rule import Place

TEXTS: Final = {
    "ssh": "software version and comments of the identification (RFC 4253 4.2)",
    "ftp": "greeting without its code (RFC 959)",
    "smtp": "greeting without its code (RFC 5321 4.2)",
    "pop3": "greeting after +OK (RFC 1939)",
    "imap": "greeting after * OK (RFC 9051)",
    "telnet": "what is shown before a login, without negotiation (RFC 854)",
    "greeting": "what any other service says first",
    "http.server": "header Server (RFC 9110 10.2.4)",
    "http.authenticate": "header WWW-Authenticate (RFC 9110 11.6.1)",
    "http.cookie": "header Set-Cookie (RFC 6265)",
    "http.location": "header Location, which is not followed (RFC 9110 10.2.2)",
    "http.title": "title of the page",
    "http.body": "beginning of the page",
    "tls.subject": "subject of the certificate, as CN=...,O=...",
    "mysql": "version of the handshake, or text of the error",
    "postgres": "fields of the error that answers an unknown version of the protocol",
    "redis": "reply to INFO, or the error",
    "memcached": "reply to version",
    "mongodb": "version that buildInfo tells",
    "mssql": "version that PRELOGIN tells (MS-TDS 2.2.6.5)",
    "rtsp": "header Server (RFC 2326 12.36)",
    "sip": "header Server or User-Agent (RFC 3261 20.35, 20.41)",
    "snmp": "sysDescr (RFC 3418)",
    "ntp": "variables of mode 6 (RFC 9327)",
    "dns": "version.bind",
    "upnp": "header SERVER (UPnP Device Architecture 1.3.3)",
}
"""Name of each text that a fingerprint may look at -> what it is."""

CPE_PARTS: Final = 11  # NISTIR 7695 6.2
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_CPE_PLAIN: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyz0123456789._-"
)  # 6.2.2.1; the others need a backslash


@dataclass(frozen=True, slots=True)
class Match:
    """What a fingerprint says of a text.

    Attributes:
        product: name of the product.
        vendor: who makes it, None where the text does not say.
        version: its version as the text spells it, None where it does not say.
        cpe: CPE 2.3 formatted string, None where the product has none.
        service: the service, None for that of the protocol.
        management: it is there to administer a device, a machine or a store.
    """

    product: str
    vendor: str | None = None
    version: str | None = None
    cpe: str | None = None
    service: str | None = None
    management: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a fingerprint must match before any other does.

    Attributes:
        text: the text.
        product: product that it tells.
        version: version that it tells, None for none.
        cpe: its CPE, "" where the example does not say.
        place: where it stands.
    """

    text: str
    product: str
    version: str | None
    cpe: str
    place: Place


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One fingerprint.

    Attributes:
        name: by which a person finds it: `file:line`.
        text: name of the text that it looks at, one of TEXTS.
        pattern: what the text matches, from the beginning of one of its lines.
        product: name of the product; `{group}` stands for what that group of the pattern matched.
        vendor: who makes it, "" where nobody can say.
        version: template likewise, "" for none.
        cpe: template likewise of a CPE 2.3 formatted string, without its last components; "" for none.
        service: service where it is not that of the protocol.
        management: it is there to administer a device, a machine or a store.
        examples: texts that it matches.
    """

    name: str
    text: str
    pattern: re.Pattern[str]
    product: str
    vendor: str = ""
    version: str = ""
    cpe: str = ""
    service: str = ""
    management: bool = False
    examples: tuple[Example, ...] = field(default=(), compare=False)

    def match(self, text: str) -> Match | None:
        """Return what the fingerprint says of a text, None where it does not know it.

        Args:
            text: at most 1,024 characters of it are looked at.
        """
        found = self.pattern.search(text[:TEXT_LIMIT])
        if found is None:
            return None
        groups = {name: value or "" for name, value in found.groupdict().items()}
        return Match(
            product=" ".join(fill(self.product, groups).split()),
            vendor=self.vendor or None,
            version=fill(self.version, groups).strip() or None,
            cpe=bind_cpe(self.cpe, groups) if self.cpe else None,
            service=self.service or None,
            management=self.management,
        )


def placeholders(template: str) -> list[str]:
    """Return the names of the groups that a template refers to."""
    return _PLACEHOLDER.findall(template)


def fill(template: str, groups: dict[str, str]) -> str:
    """Return a template with its groups filled in; one that matched nothing leaves nothing.

    Args:
        template: text with `{group}`.
        groups: name -> what it matched.
    """
    return _PLACEHOLDER.sub(lambda found: groups.get(found[1], ""), template)


def bind_cpe(template: str, groups: dict[str, str]) -> str:
    """Return a CPE 2.3 formatted string (NISTIR 7695 6.2).

    Args:
        template: `cpe:2.3:part:vendor:product`, perhaps more components, with `{group}`.
        groups: name -> what it matched; nothing becomes `*`, any value.
    """
    components = template.split(":")[2:]
    bound = [
        _PLACEHOLDER.sub(lambda found: quote_cpe(groups.get(found[1], "")), component) or "*"
        for component in components
    ]
    return ":".join(["cpe:2.3", *bound, *["*"] * (CPE_PARTS - len(bound))])


def quote_cpe(value: str) -> str:
    """Return a value as a component of a formatted string: lower case, blanks as `_`, the rest quoted.

    Args:
        value: any text; what is not printable ASCII is left out.
    """
    words = "_".join(value.lower().split())
    quoted = "".join(
        character if character in _CPE_PLAIN else f"\\{character}"
        for character in words
        if " " < character < "\x7f"
    )
    return f"\\{quoted}" if quoted == "-" else quoted  # alone it would mean "not applicable"
