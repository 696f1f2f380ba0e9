"""List listening TCP and SCTP, and unconnected UDP sockets: INET_DIAG, sock_diag(7), else /proc/net, proc(5).

The kernel filters by state, so that the cost follows the number of listeners, not of sockets. Of SCTP there
are few anywhere, and /proc/net/sctp is read. `parse_socket`, `parse_proc_line` and `parse_sctp_line` are
pure, so that they can be tested on recorded bytes.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, BinaryIO, Final

from secmon.sources import netlink

if TYPE_CHECKING:
    from collections.abc import Mapping

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DIAG_BY_FAMILY: Final = 20
# struct inet_diag_req_v2: family, protocol, extensions, padding, states, and a socket id that matches any.
_REQUEST: Final = struct.Struct("=BBBxI48x")
# struct inet_diag_msg: family, state, timer, retransmits; source port, destination port (network order),
# source, destination, interface, cookie; expires, receive queue, send queue, uid, inode.
_MESSAGE: Final = struct.Struct("=BBBB2s2x16s16xI8xIIIII")
_SKV6ONLY: Final = 11  # enum in linux/inet_diag.h
_CGROUP_ID: Final = 21
_U64: Final = struct.Struct("=Q")

_TCP_LISTEN: Final = 10
_TCP_CLOSE: Final = 7  # a UDP socket that is bound and not connected

_WORD: Final = struct.Struct("=I")

TABLES: Final = (
    ("tcp", socket.AF_INET),
    ("tcp", socket.AF_INET6),
    ("udp", socket.AF_INET),
    ("udp", socket.AF_INET6),
)
"""The kernel's socket tables that are read, by protocol and family."""

_SCTP: Final = ("sctp", socket.AF_UNSPEC)  # one table for both families, there when the module is loaded
_SCTP_LISTENING: Final = 10  # enum sctp_sock_state, as TCP's
_SCTP_LIMIT: Final = 64  # addresses of one endpoint

_PROTOCOL: Final = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_STATE: Final = {"tcp": _TCP_LISTEN, "udp": _TCP_CLOSE}
_PROC: Final = {socket.AF_INET: "", socket.AF_INET6: "6"}


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket that takes traffic from anybody.

    Attributes:
        proto: `tcp`, `udp` or `sctp`.
        family: 4 or 6, the socket's own, also where it takes both.
        address: bound address, IPv4 or IPv6 text.
        port: bound port.
        interface: index of the interface that it is bound to, 0 for any; None where it was not told.
        uid: user id of its creator.
        inode: number by which /proc/PID/fd names it.
        cgroup: id of its creator's cgroup (v2), None where it was not told.
        v6only: an IPv6 socket that takes no IPv4; None where it was not told, and for IPv4.
    """

    proto: str
    family: int
    address: str
    port: int
    interface: int | None
    uid: int
    inode: int
    cgroup: int | None
    v6only: bool | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at the kernel's tables gave.

    Attributes:
        sockets: what was found.
        complete: every table was read, and none changed meanwhile.
        fallback: why /proc/net was read in place of INET_DIAG, "" where it was not.
        failure: why a table could not be read at all, "" where each was.
    """

    sockets: tuple[Socket, ...]
    complete: bool
    fallback: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Handles:
    """What `listening` reads.

    Attributes:
        netlink: socket to the kernel, None where it is refused.
        refusal: why it is refused.
        proc: table -> opened file of /proc/net; absent where the kernel has no such table.
    """

    netlink: socket.socket | None
    refusal: str
    proc: Mapping[tuple[str, int], BinaryIO]

    def close(self) -> None:
        """Close all of it."""
        if self.netlink:
            self.netlink.close()
        for file in self.proc.values():
            file.close()


def acquire() -> Handles:
    """Open the netlink socket and the files of /proc/net, and read nothing.

    Returns:
        Handles for `listening`; they stay open for the life of the process.
    """
    proc = _open_proc("/proc/net")
    try:
        return Handles(netlink.connect(_NETLINK_SOCK_DIAG), "", proc)
    except OSError as error:
        return Handles(None, f"AF_NETLINK: {error.strerror}", proc)


def acquire_of(pid: int) -> Handles:
    """Open the socket tables of the network namespace that a process lives in.

    Netlink would have to enter that namespace, which takes more rights than to look into it.

    Args:
        pid: id of the process.

    Returns:
        Handles for `listening`, the caller's to close.
    """
    return Handles(None, "of another network namespace", _open_proc(f"/proc/{pid}/net"))


def _open_proc(folder: str) -> dict[tuple[str, int], BinaryIO]:
    names = {table: f"{table[0]}{_PROC[table[1]]}" for table in TABLES} | {_SCTP: "sctp/eps"}
    proc: dict[tuple[str, int], BinaryIO] = {}
    for table, name in names.items():
        with contextlib.suppress(OSError):
            proc[table] = open(f"{folder}/{name}", "rb")  # noqa: PTH123, SIM115  # kept
    return proc


def listening(handles: Handles) -> Listing:
    """Read every table, each from INET_DIAG or else from /proc/net.

    Args:
        handles: from `acquire`.

    Returns:
        What was found, and how.
    """
    found: list[Socket] = []
    complete = True
    fallback = failure = ""
    for proto, family in TABLES:
        try:
            sockets, whole = _from_netlink(handles, proto, family)
        except (OSError, netlink.NetlinkError) as error:
            fallback = fallback or _said(error)
            try:
                sockets, whole = _from_proc(handles, proto, family), True
            except (OSError, ValueError) as second:
                failure = failure or f"/proc/net/{proto}{_PROC[family]}: {_said(second)}"
                sockets, whole = (), False
        found += sockets
        complete &= whole
    if _SCTP in handles.proc:
        try:
            found += _from_sctp(handles.proc[_SCTP])
        except (OSError, ValueError) as error:
            failure, complete = failure or f"/proc/net/sctp/eps: {_said(error)}", False
    return Listing(tuple(found), complete, fallback, failure)


def parse_socket(payload: bytes, proto: str) -> Socket:
    """Read one struct inet_diag_msg and its attributes.

    Args:
        payload: what follows the netlink header.
        proto: protocol that was asked for.

    Returns:
        The socket.

    Raises:
        NetlinkError: the message is truncated or of another family.
    """
    if len(payload) < _MESSAGE.size:
        raise netlink.NetlinkError(errno.EBADMSG, "a socket message is truncated")
    family, _, _, _, port, source, interface, _, _, _, uid, inode = _MESSAGE.unpack_from(payload)
    attributes = netlink.parse_attributes(payload[_MESSAGE.size :])
    if family == socket.AF_INET:
        version, address = 4, str(IPv4Address(source[:4]))
    elif family == socket.AF_INET6:
        version, address = 6, str(IPv6Address(source))
    else:
        raise netlink.NetlinkError(errno.EBADMSG, f"a socket message is of family {family}")
    cgroup = attributes.get(_CGROUP_ID, b"")
    v6only = attributes.get(_SKV6ONLY, b"")
    return Socket(
        proto=proto,
        family=version,
        address=address,
        port=int.from_bytes(port, "big"),
        interface=interface,
        uid=uid,
        inode=inode,
        cgroup=_U64.unpack(cgroup)[0] if len(cgroup) == _U64.size else None,
        v6only=bool(v6only[0]) if version == 6 and v6only else None,
    )


def parse_proc_line(line: bytes, proto: str, family: int) -> Socket | None:
    """Read one line of /proc/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)).

    Args:
        line: the line, without the heading.
        proto: `tcp` or `udp`.
        family: AF_INET or AF_INET6.

    Returns:
        The socket; None where it does not take traffic from anybody.

    Raises:
        ValueError: the line cannot be read.
    """
    fields = line.split()
    if len(fields) < 10:
        raise ValueError("a line is truncated")
    if int(fields[3], 16) != _STATE[proto]:
        return None
    words, _, port = fields[1].partition(b":")
    raw = bytes.fromhex(words.decode("ascii"))
    # The kernel prints 32-bit words in its own byte order.
    packed = (
        b"".join(word.to_bytes(4, "big") for (word,) in _WORD.iter_unpack(raw)) if len(raw) % 4 == 0 else b""
    )
    number = int(port, 16)
    if len(packed) != (4 if family == socket.AF_INET else 16) or not 0 <= number < 1 << 16:
        raise ValueError("an address cannot be read")
    return Socket(
        proto=proto,
        family=4 if family == socket.AF_INET else 6,
        address=str(IPv4Address(packed) if family == socket.AF_INET else IPv6Address(packed)),
        port=number,
        interface=None,
        uid=int(fields[7]),
        inode=int(fields[9]),
        cgroup=None,
        v6only=None,
    )


def parse_sctp_line(line: bytes) -> list[Socket]:
    """Read one line of /proc/net/sctp/eps (net/sctp/proc.c).

    Endpoint, socket, type, state, bucket, port, uid, inode, and then the local addresses.

    Args:
        line: the line, without the heading.

    Returns:
        One socket for each local address; none where the endpoint does not listen.

    Raises:
        ValueError: the line cannot be read.
    """
    fields = line.decode("ascii").split()
    if len(fields) < 8:
        raise ValueError("a line is truncated")
    _, _, _, state, _, port, uid, inode, *places = fields
    if int(state) != _SCTP_LISTENING:
        return []
    if not 0 <= int(port) < 1 << 16:
        raise ValueError("a port cannot be read")
    addresses = [ip_address(place.lstrip("*")) for place in places[:_SCTP_LIMIT]]
    return [
        Socket("sctp", address.version, str(address), int(port), None, int(uid), int(inode), None, None)
        for address in addresses
    ]


def _from_sctp(file: BinaryIO) -> list[Socket]:
    file.seek(0)
    next(file, None)  # the heading
    return [row for line in file for row in parse_sctp_line(line)]


def _said(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _from_netlink(handles: Handles, proto: str, family: int) -> tuple[tuple[Socket, ...], bool]:
    if handles.netlink is None:
        raise OSError(errno.EAFNOSUPPORT, handles.refusal)
    request = _REQUEST.pack(family, _PROTOCOL[proto], 0, 1 << _STATE[proto])
    dump = netlink.dump(handles.netlink, _SOCK_DIAG_BY_FAMILY, request)
    return tuple(parse_socket(payload, proto) for payload in dump.payloads), dump.complete


def _from_proc(handles: Handles, proto: str, family: int) -> tuple[Socket, ...]:
    file = handles.proc.get((proto, family))
    if file is None:
        if family == socket.AF_INET6:  # a kernel without IPv6 has no such table
            return ()
        raise FileNotFoundError(errno.ENOENT, "there is no such file")
    file.seek(0)
    next(file, None)  # the heading
    rows = (parse_proc_line(line, proto, family) for line in file)
    return tuple(row for row in rows if row)
