"""What real servers are recognised as, and what servers that mean harm achieve."""

from __future__ import annotations

import contextlib
import pathlib
import platform
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from secmon.checks.ports import udpprobes
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import identify
from secmon.checks.ports.services import SILENT, Service
from secmon.core.contract import Unavailable
from secmon.core.model import Reason
from tests.lab import ports_lab
from tests.lab.services_lab import (
    identify_all,
    make_task,
    program,
    running,
    version_of,
)

ROOT = pathlib.Path(__file__).parents[2]


def only(port, **settings):
    found, _ = identify_all([port], **settings)
    return found[port]


@pytest.fixture
def folder():
    """A folder that servers may enter which give up root."""
    with tempfile.TemporaryDirectory() as path:
        pathlib.Path(path).chmod(0o755)
        yield pathlib.Path(path)


@pytest.mark.parametrize(
    ("name", "service", "product", "versioned"),
    [
        ("sshd", "ssh", "OpenSSH", True),
        ("dropbear", "ssh", "Dropbear SSH", True),
        ("nginx", "http", "nginx", True),
        ("vsftpd", "ftp", "vsftpd", True),
        ("redis-server", "redis", "Redis", True),
        ("memcached", "memcached", "Memcached", True),
        ("postfix", "smtp", "Postfix", False),  # its greeting tells no version
    ],
)
def test_servers_of_debian_are_named(needs, folder, name, service, product, versioned):
    needs(name, root=True)
    with running(name, folder) as port:
        told = only(port)
    assert (told.service, told.product) == (service, product)
    assert told.version == (version_of(name) if versioned else None)
    assert told.cpe.startswith("cpe:2.3:a:")


def test_the_answer_of_snmpd_tells_the_system(needs, folder):
    needs("snmpd", root=True)
    asked = udpprobes.probe(161).tries[0]
    with running("snmpd", folder) as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(30)
        sock.sendto(asked, ("127.0.0.1", port))
        reply = sock.recv(udpprobes.REPLY_LIMIT)
    place = identify.Open("127.0.0.1", "udp", 161, "127.0.0.1", reply)
    identifier = identify.Identifier(identify.acquire(make_task()), Pace(100), 4)
    told = identifier.run([(place, Pace(100), lambda: None)], time.monotonic() + 5, lambda: None)[place]
    assert (told.service, told.product, told.version) == ("snmp", "Linux", platform.release())
    assert told.banner.startswith(f"Linux {platform.node()} ")


def test_postgresql_is_named_with_its_major_release(needs, folder):
    needs("setpriv", root=True)
    if program("postgres") is None:
        pytest.skip("needs PostgreSQL")
    with running("postgres", folder) as port:
        told = only(port)
    assert (told.service, told.product) == ("postgresql", "PostgreSQL")
    assert told.version == program("postgres").split("/")[4]


def test_a_page_inside_tls_and_its_certificate_tell_the_device(needs, tmp_path):
    needs("nginx", "openssl", root=True)
    with running("nginx", tmp_path, subject="/O=Fortinet/OU=FortiGate/CN=FGT60D0000000000") as port:
        told = only(port, host="firewall.example.vn")
    assert (told.service, told.vendor, told.product, told.management) == (
        "https",
        "Fortinet",
        "FortiGate",
        True,
    )


def test_a_page_of_administration_counts_more_than_its_server(needs, tmp_path):
    needs("nginx", root=True)
    page = "<html><head><title>RouterOS router configuration page</title></head>"
    with running("nginx", tmp_path, page=page) as port:
        told = only(port)
    assert (told.service, told.vendor, told.product, told.version) == ("http", "MikroTik", "RouterOS", None)
    assert told.management
    assert told.banner.startswith("HTTP/1.1 200 OK; RouterOS router configuration page; nginx/")


def test_redis_with_a_password_is_named_without_version(needs, tmp_path):
    needs("redis-server", root=True)
    with running("redis-server", tmp_path, password="secret") as port:
        told = only(port)
    assert (told.service, told.product, told.version) == ("redis", "Redis", None)
    assert told.banner == "-NOAUTH Authentication required."


# Servers of our own that behave badly.


@contextlib.contextmanager
def server(handle, address="127.0.0.1"):
    """Serve with a function that is given each connection; yields the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with contextlib.suppress(OSError):
                handle(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

    with Server((address, 0), Handler) as running_server:
        thread = threading.Thread(target=running_server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running_server.server_address[1]
        finally:
            running_server.shutdown()
            thread.join()


def endless(sock):
    while True:
        sock.sendall(b"220 " + b"A" * 65536)


def one_byte_a_second(sock):
    for byte in b"SSH-2.0-OpenSSH_9.2p1\r\n":
        sock.sendall(bytes((byte,)))
        time.sleep(1)


def binary(sock):
    sock.sendall(bytes(range(256)) * 20)
    sock.recv(10)


def long_line(sock):
    sock.sendall(b"\xff\xfe" + b"<" * 10_000_000)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def silent(sock):
    while sock.recv(1000):
        pass


def garbage_of_tls(sock):
    sock.recv(1000)
    sock.sendall(bytes.fromhex("1603030004") + b"\xff" * 2000)


def asks_for_telnet(sock):
    sock.sendall(b"\xff\xfd\x18\xff\xfb\x01")
    asked = sock.recv(100)
    sock.sendall(
        b"\r\nUser Access Verification\r\n\r\nPassword: " if asked == b"\xff\xfc\x18\xff\xfe\x01" else b"?"
    )
    sock.recv(100)


def asks_without_end(sock):
    while True:
        sock.sendall(b"\xff\xfd\x18" * 100)
        sock.recv(1000)


def redirects(sock):
    sock.recv(1000)
    sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nServer: x\r\n\r\n")


def hangs_up(sock):
    sock.recv(1000)


@pytest.mark.parametrize(
    ("handle", "service", "banner"),
    [
        (endless, None, "220 AAAA"),
        (binary, None, "\x01\x02"),
        (long_line, None, "ÿþ<<<"),
        (garbage_of_tls, None, None),
        (asks_for_telnet, "telnet", "User Access Verification"),
        (asks_without_end, "telnet", None),
        (silent, None, None),
        (hangs_up, None, None),
        (redirects, "http", "HTTP/1.1 302 Found; x"),
    ],
)
def test_whatever_a_server_says_it_is_soon_over(handle, service, banner):
    with server(handle) as port:
        started = time.monotonic()
        told = only(port)
        assert time.monotonic() - started < 20
    assert isinstance(told, Service)
    assert told.service == service
    assert (told.banner or "").startswith(banner or "")
    assert len(told.banner or "") <= 1024


def test_a_connection_that_is_reset_is_no_answer():
    with server(reset) as port:
        assert only(port) is Reason.RESET


def test_a_port_that_closed_meanwhile_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert only(port) is Reason.REFUSED


def test_a_slow_server_does_not_hold_up_others():
    with server(one_byte_a_second) as slow, server(redirects) as quick:
        found, _ = identify_all([slow, quick])
    assert found[quick].service == "http"
    assert found[slow].service in (None, "ssh")


def test_many_bad_servers_at_once_keep_the_deadline():
    with server(endless) as port, server(silent) as other:
        started = time.monotonic()
        work = [
            (identify.Open("127.0.0.1", "tcp", choice, f"h{index}"), Pace(1000), lambda: None)
            for index in range(100)
            for choice in (port, other)
        ]
        identifier = identify.Identifier(identify.acquire(make_task()), Pace(5000), 16)
        found = identifier.run(work, started + 2.0, lambda: None)
    assert time.monotonic() - started < 10  # of half a minute that they would take
    assert len(found) == len(work)
    assert {known for known in found.values() if isinstance(known, Reason)} == {Reason.TIMEOUT}
    assert any(isinstance(known, Service) for known in found.values())


def test_a_bad_certificate_is_tls_without_a_name(tmp_path, needs):
    needs("openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", tmp_path / "k",
         "-out", tmp_path / "c", "-subj", "/CN=nobody"], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")

    def speak(sock):
        with context.wrap_socket(sock, server_side=True) as inside:
            inside.recv(1000)

    with server(speak) as port:
        told = only(port)
    assert (told.service, told.product, told.banner) == ("tls", None, "CN=nobody")


def test_a_server_that_wants_a_client_certificate_is_tls(tmp_path, needs):
    needs("openssl")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", tmp_path / "k",
         "-out", tmp_path / "c", "-subj", "/CN=nobody"], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    context.load_verify_locations(tmp_path / "c")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def speak(sock):
        with context.wrap_socket(sock, server_side=True):
            pass

    with server(speak) as port:
        assert only(port) == Service(service="tls")


def test_the_gate_is_asked_before_each_connection():
    def refuse():
        raise Unavailable(Reason.NOT_ALLOWED, "no")

    met = []
    with server(met.append) as port:
        identifier = identify.Identifier(identify.acquire(make_task()), Pace(5000), 4)
        work = [(identify.Open("127.0.0.1", "tcp", port, "x"), Pace(1000), refuse)]
        assert list(identifier.run(work, time.monotonic() + 5, lambda: None).values()) == [Reason.NOT_ALLOWED]
    assert met == []


ENDLESS = """
import socket, sys, threading
def serve(listener):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=flood, args=(sock,), daemon=True).start()
def flood(sock):
    try:
        while True:
            sock.sendall(b"220 " + b"A" * 65536)
    except OSError:
        pass
for port in range(7001, 7007):
    threading.Thread(target=serve, args=(socket.create_server(("0.0.0.0", port)),), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("rate", [20, 100, 1000])
def test_a_host_is_never_sent_more_than_its_budget(rate):
    if lacks := ports_lab.missing():
        pytest.skip(lacks)
    quiet = tuple(range(7101, 7107))
    with ports_lab.lab([ports_lab.Host("host", quiet)], counting=True) as made:
        running_host = made["host"]
        flood = subprocess.Popen(
            ["ip", "netns", "exec", running_host.netns, sys.executable, "-c", ENDLESS],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert flood.stdout.readline() == b"ready\n"
        try:
            ports = [*quiet, *range(7001, 7007)]
            found, _ = identify_all(ports, address=running_host.address, rate=rate, seconds=60)
            told = running_host.traffic()
        finally:
            flood.communicate()
    assert all(isinstance(known, Service) for known in found.values())
    assert told["busiest"] <= 1.05 * rate, told
    assert told["dropped"] == 0


def test_switched_off_nothing_is_sent():
    met = []
    with server(met.append) as port:
        assert only(port, identify=False) is Reason.NOT_CONFIGURED
    assert met == []


def test_fingerprints_of_an_operator_come_first_and_recog_last(tmp_path):
    (tmp_path / "own.yml").write_text(
        "fingerprints:\n  - {text: http.server, match: '^x$', product: Mine, examples: [{text: x}]}\n"
    )
    (tmp_path / "recog").mkdir()
    (tmp_path / "recog" / "a.xml").write_text(
        '<fingerprints matches="http_header.server"><fingerprint pattern="^x$">'
        '<param pos="0" name="service.product" value="Theirs"/></fingerprint></fingerprints>'
    )
    recog = (str(tmp_path / "recog"),)
    with server(redirects) as port:
        assert only(port).product is None
        assert only(port, recog=recog).product == "Theirs"
        assert only(port, recog=recog, fingerprints=(str(tmp_path / "own.yml"),)).product == "Mine"


@pytest.mark.parametrize(
    ("name", "text", "reason", "words"),
    [
        (
            "a.yml",
            "fingerprints: [{}]\n",
            Reason.BAD_DATA,
            "a.yml:1:16: fingerprints[0]: the key text is missing",
        ),
        ("a.yml", "fingerprints: [\n", Reason.BAD_DATA, "a.yml:"),
        ("a.txt", "", Reason.NO_DATA, "holds no fingerprints"),
    ],
)
def test_fingerprints_that_cannot_be_used_say_why(tmp_path, name, text, reason, words):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / name).write_text(text)
    found, detail = identify_all([1], fingerprints=(str(folder),))
    assert found[1] is reason
    assert words in detail


def test_a_slow_pattern_of_recog_is_named(tmp_path):
    (tmp_path / "a.xml").write_text(
        '<fingerprints matches="http_header.server"><fingerprint pattern="^(y+)+$"/></fingerprints>'
    )

    def slow(sock):
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nServer: " + b"y" * 50 + b"!\r\n\r\n")

    with server(slow) as port:
        found, detail = identify_all([port], recog=(str(tmp_path),))
    assert found[port].service == "http"
    assert detail == f"These fingerprints took too long on a text and were left out: {tmp_path}/a.xml:1."


@pytest.mark.parametrize("host", ["x" * 70 + ".vn", "a..b", ".vn", "máy.example.vn", "", "a b"])
def test_a_name_that_tls_cannot_indicate_does_no_harm(needs, folder, host):
    needs("nginx", "openssl", root=True)
    with running("nginx", folder, subject="/CN=www.example.vn") as port:
        assert only(port, host=host).service == "https"


WITHOUT_DESCRIPTORS = """
import resource, time
from secmon.checks.ports.pace import Pace
from secmon.checks.ports.probe import identify
from secmon.checks.ports.probe.library import Shelf
from secmon.checks.ports.probe.line import lenient_context
# No file of fingerprints is open: reading it would give a descriptor back.
identifier = identify.Identifier(identify.FingerprintHandles(Shelf(), lenient_context()), Pace(5000), 4)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
place = identify.Open("127.0.0.1", "tcp", 1, "x")
found = identifier.run([(place, Pace(1000), lambda: None)], time.monotonic() + 5, lambda: None)
print(found[place].value, identifier.detail)
"""


def test_without_descriptors_nothing_is_identified_and_nothing_breaks():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DESCRIPTORS], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert done.stdout == "resource_limit No service was identified: Too many open files.\n"


def test_nothing_is_recognised_where_nothing_is_said():
    with server(silent) as port:
        assert only(port) == SILENT
