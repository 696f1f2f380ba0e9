"""Say what service answers on a port, from the texts by which it shows itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from secmon.core.texts import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.fingerprint import Match

    Matcher = Callable[[str, str], Match | None]

FIELDS: Final = ("service", "vendor", "product", "version", "cpe", "management", "banner")
"""Fields of the kind `port` that identification fills."""

OVER_TLS: Final = {
    "http": "https",
    "smtp": "smtps",
    "pop3": "pop3s",
    "imap": "imaps",
    "ftp": "ftps",
    "telnet": "telnets",
    None: "tls",
}
"""Service -> its name inside TLS; others keep their own."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a port said.

    Attributes:
        service: service whose protocol it speaks, None where none of ours.
        texts: name of a text (core.fingerprint.TEXTS) and the text, the most telling first.
        banner: what a person should see of it.
    """

    service: str | None
    texts: tuple[tuple[str, str], ...]
    banner: str


@dataclass(frozen=True, slots=True)
class Service:
    """What answers on a port; None means looked, and nothing was recognised.

    Attributes:
        service: name of the service.
        vendor: who makes the product.
        product: its name.
        version: as it tells it.
        cpe: CPE 2.3 formatted string.
        management: it is there to administer a device, a machine or a store.
        banner: what it said, at most 1,024 characters.
    """

    service: str | None = None
    vendor: str | None = None
    product: str | None = None
    version: str | None = None
    cpe: str | None = None
    management: bool | None = None
    banner: str | None = None


SILENT: Final = Service()
"""A port that accepts connections and answers nothing that was tried."""


def decode(data: bytes) -> str:
    """Return bytes from outside as text: UTF-8 where they are that, else Latin-1, which takes any byte."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\0", "").replace("\r\n", "\n").strip()


def conclude(reply: Reply, match: Matcher, *, tls: bool = False) -> Service:
    """Say what a reply means.

    The first text that is recognised decides. A later one that names the same product may add its version: a
    page shows what it is, a header says how old.

    Args:
        reply: what the port said.
        match: name of a text, the text -> what the fingerprints say of it.
        tls: it was said inside TLS.

    Returns:
        The service.
    """
    found = [told for name, text in reply.texts if text and (told := match(name, text)) is not None]
    if not found:
        name = OVER_TLS.get(reply.service, reply.service) if tls else reply.service
        return Service(service=name, banner=_banner(reply.banner))
    first = found[0]
    detailed = next((told for told in found if told.product == first.product and told.version), first)
    name = first.service or reply.service
    return Service(
        service=OVER_TLS.get(name, name) if tls else name,
        vendor=_text(first.vendor),
        product=_text(first.product),
        version=_text(detailed.version),
        cpe=_text(detailed.cpe),
        management=first.management,
        banner=_banner(reply.banner),
    )


def values(service: Service) -> dict[str, Any]:
    """Return the fields of a `port` fact that a service fills."""
    return {name: getattr(service, name) for name in FIELDS}


def _text(value: str | None) -> str | None:
    return None if value is None else cut(value)


def _banner(text: str) -> str | None:
    return cut(text) or None
