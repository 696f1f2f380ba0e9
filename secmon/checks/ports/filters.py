"""Write the programs with which the kernel picks our answers out of what arrives (classic BPF, by hand).

Source: Documentation/networking/filter.rst of the kernel. The sockets are cooked ones (SOCK_DGRAM): offset 0
is the first byte of the IP or ARP header. A load beyond the end of a packet ends the program, and the packet
is dropped; so a load that nobody looks at proves that the packet is long enough.
"""

from __future__ import annotations

import struct
from typing import Final

from secmon.checks.ports.replies import PACKET_BYTES

_INSTRUCTION: Final = struct.Struct("=HBBI")  # struct sock_filter: code, jump if true, if false, constant

# linux/bpf_common.h and linux/filter.h: class, size and mode of each instruction that is used.
_LOAD_HALF, _LOAD_BYTE = 0x28, 0x30  # A = packet[k]
_LOAD_HALF_AT, _LOAD_BYTE_AT = 0x48, 0x50  # A = packet[X + k]
_HEADER_LENGTH: Final = 0xB1  # X = 4 * (packet[k] & 15), the length of an IPv4 header
_AND, _SHIFT, _ADD_X = 0x54, 0x64, 0x0C
_TO_X: Final = 0x07
_IF_EQUAL, _IF_ANY_BIT = 0x15, 0x45
_RETURN: Final = 0x06

# Targets of jumps: the next instruction, so many beyond it, or one of the two ends of every program.
_NEXT: Final = 0
_DROP: Final = -2
_ACCEPT: Final = -1


def answers_ipv4(port: int) -> bytes:
    """Return the program that lets TCP to a port through, and ICMP errors about TCP from it.

    Args:
        port: the source port of our SYNs.

    Returns:
        An array of struct sock_filter.
    """
    return _assemble(
        (_LOAD_BYTE, 0, 0, 9),  # protocol
        (_IF_EQUAL, _NEXT, 6, 6),  # TCP; else see whether it is ICMP
        (_LOAD_HALF, 0, 0, 6),  # fragment offset
        (_IF_ANY_BIT, _DROP, _NEXT, 0x1FFF),  # a later fragment has no ports
        (_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_HALF_AT, 0, 0, 14),  # long enough to have a window
        (_LOAD_HALF_AT, 0, 0, 2),  # destination port
        (_IF_EQUAL, _ACCEPT, _DROP, port),
        (_IF_EQUAL, _NEXT, _DROP, 1),  # ICMP
        (_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_BYTE_AT, 0, 0, 0),  # type
        (_IF_EQUAL, 1, _NEXT, 3),  # destination unreachable
        (_IF_EQUAL, _NEXT, _DROP, 11),  # time exceeded
        (_LOAD_BYTE_AT, 0, 0, 8),  # the embedded header: version and length
        (_AND, 0, 0, 15),
        (_SHIFT, 0, 0, 2),
        (_ADD_X, 0, 0, 0),
        (_TO_X, 0, 0, 0),
        (_LOAD_HALF_AT, 0, 0, 8),  # source port of the embedded segment
        (_IF_EQUAL, _ACCEPT, _DROP, port),
    )


def answers_ipv6(port: int) -> bytes:
    """Return the program that lets TCP to a port through, and ICMPv6 errors about TCP from it.

    Packets with extension headers are left out: nobody answers a SYN with them.

    Args:
        port: the source port of our SYNs.

    Returns:
        An array of struct sock_filter.
    """
    return _assemble(
        (_LOAD_BYTE, 0, 0, 6),  # next header
        (_IF_EQUAL, _NEXT, 3, 6),  # TCP; else see whether it is ICMPv6
        (_LOAD_HALF, 0, 0, 54),  # long enough to have a window
        (_LOAD_HALF, 0, 0, 42),  # destination port
        (_IF_EQUAL, _ACCEPT, _DROP, port),
        (_IF_EQUAL, _NEXT, _DROP, 58),  # ICMPv6
        (_LOAD_BYTE, 0, 0, 40),  # type
        (_IF_EQUAL, 1, _NEXT, 1),  # destination unreachable
        (_IF_EQUAL, _NEXT, _DROP, 3),  # time exceeded
        (_LOAD_BYTE, 0, 0, 54),  # next header of the embedded one
        (_IF_EQUAL, _NEXT, _DROP, 6),  # TCP
        (_LOAD_HALF, 0, 0, 88),  # source port of the embedded segment
        (_IF_EQUAL, _ACCEPT, _DROP, port),
    )


def arp_replies() -> bytes:
    """Return the program that lets ARP replies through.

    Returns:
        An array of struct sock_filter.
    """
    return _assemble((_LOAD_HALF, 0, 0, 6), (_IF_EQUAL, _ACCEPT, _DROP, 2))  # operation


def advertisements() -> bytes:
    """Return the program that lets neighbour advertisements through.

    Returns:
        An array of struct sock_filter.
    """
    return _assemble(
        (_LOAD_BYTE, 0, 0, 6),  # next header
        (_IF_EQUAL, _NEXT, _DROP, 58),  # ICMPv6
        (_LOAD_BYTE, 0, 0, 40),  # type
        (_IF_EQUAL, _ACCEPT, _DROP, 136),  # neighbour advertisement
    )


def _assemble(*instructions: tuple[int, int, int, int]) -> bytes:
    """Add the two ends, and turn jumps to them into distances."""
    drop_at = len(instructions)
    ends = {_DROP: drop_at, _ACCEPT: drop_at + 1}
    program = [
        (code, ends.get(yes, at + 1 + yes) - at - 1, ends.get(no, at + 1 + no) - at - 1, constant)
        for at, (code, yes, no, constant) in enumerate(instructions)
    ]
    program += [(_RETURN, 0, 0, 0), (_RETURN, 0, 0, PACKET_BYTES)]  # so many bytes are kept
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
