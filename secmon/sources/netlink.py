"""Frame netlink requests and take answers apart (RFC 3549; linux/netlink.h), with the standard library alone.

`parse_dump` and `parse_attributes` are pure, so that they can be tested on recorded bytes.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_CODE: Final = struct.Struct("=i")  # a negative errno, or 0

_NLM_F_REQUEST: Final = 0x001
_NLM_F_DUMP: Final = 0x300
_NLM_F_DUMP_INTR: Final = 0x010
_NLMSG_NOOP: Final = 1
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_NLA_TYPE_MASK: Final = 0x3FFF  # without the nested and byte-order flags

_RECEIVE_BYTES: Final = 1 << 16  # the kernel fills at most 32 KiB at a time
_TIMEOUT_SECONDS: Final = 5.0  # the kernel answers at once; only a fault lasts longer
_ATTEMPTS: Final = 4  # a table that changes during each of these dumps is called incomplete

_sequence: Final = itertools.count(1)


class NetlinkError(ValueError):
    """The kernel refused a request, or its answer cannot be read.

    Attributes:
        code: the errno of a refusal, EBADMSG for an answer that cannot be read.
    """

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message or os.strerror(code))
        self.code = code


@dataclass(frozen=True, slots=True)
class Part:
    """One received piece of a dump.

    Attributes:
        payloads: what follows the header of each message.
        done: the dump has ended.
        interrupted: the table changed during the dump, so that entries may be absent.
    """

    payloads: tuple[bytes, ...]
    done: bool
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Dump:
    """A whole dump.

    Attributes:
        payloads: what follows the header of each message.
        complete: the table did not change during the dump.
    """

    payloads: tuple[bytes, ...]
    complete: bool


def parse_dump(data: bytes, sequence: int) -> Part:
    """Split one received piece of a dump into its messages.

    Args:
        data: bytes of one datagram.
        sequence: number of the request; answers to others are skipped.

    Returns:
        The messages' payloads and how the dump stands.

    Raises:
        NetlinkError: a message is truncated, or the kernel reports an error.
    """
    payloads: list[bytes] = []
    done = interrupted = False
    for kind, flags, number, payload in _messages(data):
        if number != sequence or kind == _NLMSG_NOOP:
            continue
        interrupted |= bool(flags & _NLM_F_DUMP_INTR)
        if kind in (_NLMSG_ERROR, _NLMSG_DONE):
            _raise_refusal(kind, payload)
            done = True
            break
        payloads.append(payload)
    return Part(tuple(payloads), done, interrupted)


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Split a run of attributes (struct nlattr) into type -> value; the last of a type wins.

    Raises:
        NetlinkError: an attribute is truncated.
    """
    return dict(attributes_in(data))


def attributes_in(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute (struct nlattr) in order: a list has many of one type.

    Raises:
        NetlinkError: an attribute is truncated.
    """
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > len(data):
            raise NetlinkError(errno.EBADMSG, "a netlink attribute is truncated")
        yield kind & _NLA_TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def connect(protocol: int) -> socket.socket:
    """Open a netlink socket to the kernel.

    Args:
        protocol: NETLINK_ROUTE, NETLINK_SOCK_DIAG ...

    Returns:
        The socket; dumps over it need no privilege.

    Raises:
        OSError: the kernel or a sandbox refuses the family or the protocol.
    """
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    sock.settimeout(_TIMEOUT_SECONDS)
    return sock


def dump(sock: socket.socket, kind: int, payload: bytes) -> Dump:
    """Ask the kernel for a whole table.

    Args:
        sock: from `connect`.
        kind: type of the request.
        payload: what follows the header.

    Returns:
        All messages; not complete where the table changed during each attempt.

    Raises:
        NetlinkError: the kernel refuses, or its answer cannot be read.
        OSError: the socket fails; TimeoutError where nothing comes.
    """
    result = Dump((), complete=False)
    for _ in range(_ATTEMPTS):
        result = end_dump(sock, begin_dump(sock, kind, payload))
        if result.complete:
            break
    return result


def ask(sock: socket.socket, kind: int, payload: bytes) -> bytes:
    """Ask the kernel for one thing.

    Args:
        sock: from `connect`.
        kind: type of the request.
        payload: what follows the header.

    Returns:
        The payload of the answer.

    Raises:
        NetlinkError: the kernel has none (its errno says why), or the answer cannot be read.
        OSError: the socket fails; TimeoutError where nothing comes.
    """
    sequence = _send(sock, kind, _NLM_F_REQUEST, payload)
    while True:
        part = parse_dump(_receive(sock), sequence)
        if part.payloads:
            return part.payloads[0]
        if part.done:  # an acknowledgement, which was not asked for
            raise NetlinkError(errno.EBADMSG, "a netlink answer is empty")


def begin_dump(sock: socket.socket, kind: int, payload: bytes) -> int:
    """Ask the kernel for a whole table; it looks at this process's rights now, and not when it answers.

    Args:
        sock: from `connect`.
        kind: type of the request.
        payload: what follows the header.

    Returns:
        The number by which `end_dump` knows the answer.
    """
    return _send(sock, kind, _NLM_F_REQUEST | _NLM_F_DUMP, payload)


def end_dump(sock: socket.socket, sequence: int) -> Dump:
    """Read the answer to `begin_dump`.

    Args:
        sock: the same socket.
        sequence: number of the request.

    Returns:
        All messages, and whether the table stayed as it was.

    Raises:
        NetlinkError: the kernel refuses, or its answer cannot be read.
        OSError: the socket fails; TimeoutError where nothing comes.
    """
    payloads: list[bytes] = []
    complete = True
    while True:
        part = parse_dump(_receive(sock), sequence)
        payloads += part.payloads
        complete &= not part.interrupted
        if part.done:
            return Dump(tuple(payloads), complete)


def _send(sock: socket.socket, kind: int, flags: int, payload: bytes) -> int:
    """Send a request; return the number by which its answer is known."""
    sequence = next(_sequence)
    sock.send(_HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload)
    return sequence


def _receive(sock: socket.socket) -> bytes:
    """Return the next datagram of the kernel."""
    while True:
        data, _, flags, sender = sock.recvmsg(_RECEIVE_BYTES)
        if sender[0] != 0:  # not the kernel
            continue
        if flags & socket.MSG_TRUNC:
            raise NetlinkError(errno.EBADMSG, "a netlink answer is longer than its buffer")
        return data


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, sequence and payload of each message."""
    offset = 0
    while offset < len(data):
        if offset + _HEADER.size > len(data):
            raise NetlinkError(errno.EBADMSG, "a netlink header is truncated")
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size or offset + length > len(data):
            raise NetlinkError(errno.EBADMSG, "a netlink message is truncated")
        yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
        offset += _aligned(length)


def _raise_refusal(kind: int, payload: bytes) -> None:
    """Raise the errno of an error message, or of a dump that ended with one."""
    if len(payload) < _CODE.size:
        if kind == _NLMSG_DONE:  # older kernels end a dump without a code
            return
        raise NetlinkError(errno.EBADMSG, "a netlink error is truncated")
    code = -_CODE.unpack_from(payload)[0]
    if code > 0:
        raise NetlinkError(code)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
