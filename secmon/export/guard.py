"""Load what protects the metrics page: certificate and key, and the password hashes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.core.web import find_hashes
from secmon.export.streams import Plain
from secmon.export.tls import Secured, make_context

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Mapping

    from secmon.core.web import Web
    from secmon.export.streams import Stream

_SIZE_LIMIT: Final = 5_000_000  # bytes; the reader of YAML takes no more


def nobody(_password: bytes, _hashed: bytes) -> bool:
    """Let nobody in, where nobody is asked."""
    return False


class ListenError(OSError):
    """The page cannot be served as configured; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What stands between strangers and the page.

    Attributes:
        context: of new connections under TLS, None for plain HTTP.
        allowed_sans: names of which a client's certificate must have one; empty for any.
        hashes: user -> bcrypt hash of the password; empty where nobody is asked.
        verify: says whether a password gives a hash.
    """

    context: ssl.SSLContext | None = None
    allowed_sans: tuple[str, ...] = ()
    hashes: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    verify: Callable[[bytes, bytes], bool] = nobody

    def stream(self, sock: socket.socket) -> Stream:
        """Return how a new client is spoken with; raises OSError where it has gone."""
        return Plain(sock) if self.context is None else Secured(sock, self.context, self.allowed_sans)


def load_guard(web: Web | None) -> Guard:
    """Open and load the files that the configuration names.

    Args:
        web: what the configuration child found in order, None for a page that nothing protects.

    Returns:
        The guard, which needs the files no more.

    Raises:
        ListenError: a file can no longer be opened, or has changed into something that is not in order.
    """
    if web is None:
        return Guard()
    try:
        context = make_context(web.tls) if web.tls is not None else None
        hashes = _load_hashes(web) if web.users else {}
        verify = _load_verifier() if web.users else nobody
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        advice = "the agent's own user must be able to read it, also after the start (LoadCredential=)"
        raise ListenError(f"the page cannot be protected: {what}; {advice}") from error
    allowed = web.tls.allowed_sans if web.tls is not None else ()
    return Guard(context, allowed, hashes, verify)


def _load_verifier() -> Callable[[bytes, bytes], bool]:
    try:
        from bcrypt import checkpw  # noqa: PLC0415  # half a MiB of the core: only where passwords are asked for
    except ImportError as error:
        raise OSError(f"no password can be verified: {error}") from error
    return checkpw


def _load_hashes(web: Web) -> dict[str, bytes]:
    """Take each user's hash out of the file by its digest."""
    with Path(web.file).open("rb") as file:
        present = find_hashes(file.read(_SIZE_LIMIT))
    if not present.keys() >= set(web.users.values()):
        raise OSError(f"{web.file} changed while it was read")
    return {user: present[digest] for user, digest in web.users.items()}
