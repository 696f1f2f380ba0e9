from __future__ import annotations

import io
import unicodedata

import pytest

from secmon.core.model import Severity
from secmon.core.texts import escape
from secmon.export.report import table
from tests.export.report import samples
from tests.export.report.samples import asset, report, result


def page(report, lang="en", **options):
    out = io.StringIO()
    table.render(report, out, table.Reader(lang, **options))
    return out.getvalue()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal(report, monkeypatch, **environment):
    for name in ("NO_COLOR", "TERM", "COLUMNS", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    table.render(report, out, table.Reader("vi"))
    return out.getvalue()


def columns(line):
    return sum(not unicodedata.combining(character) for character in line)


SAMPLES = [samples.typical, samples.hostile, samples.many, samples.several, samples.report, samples.doubtful]


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_pipe_gets_eighty_plain_columns(sample, lang):
    lines = page(sample(), lang).splitlines()
    assert max(map(columns, lines)) == 80
    assert [line for line in lines if line != line.rstrip()] == []
    assert all(escape(line) == line for line in lines)


def test_the_page_of_a_typical_host():
    assert page(samples.typical(), timestamps=frozenset({("tls", "not_after")})) == TYPICAL


TYPICAL = """\
SECURITY AUDIT · 2026-11-23 14:20 (UTC+7) · secmon 0.1.0

────────────────────────────────────────────────────────────────────────────────
may-chu-01  server, document exchange, level 3
────────────────────────────────────────────────────────────────────────────────
Score 54.5/100   Grade C (middling)   Seen 91 %
  with accepted risks: 72.7
The grade is held at C: a critical rule fails or could not be decided.

Check    Points                         Seen
ports    █████░░░░░░░░░░░░░░░     6/22  100 %
tls      ████████████████░░░░    15/18  100 %
patches  ████████████░░░░░░░░     9/15  100 %
traffic  ░░░░░░░░░░░░░░░░░░░░      0/6   0 %

TO REPAIR (4)

CRITICAL (1)
  • Telnet is reachable from the network  +16.4 points  ports.telnet-exposed
    • local: tcp 0.0.0.0:23  scope=exposed process=inetd
    Repair: Disable telnet (`systemctl disable --now inetd`); use SSH.

HIGH (2)
  • Security updates are pending  +9.8 points  patches.security-pending
    • local  pending_security=7 security_index_age_days=2
    Repair: Run `apt-get upgrade`.
  • A port that no list allows is open to the network  points not known yet
    ports.unexpected-listener
    • local: tcp [::]:8080  scope=exposed systemd_unit=tomcat9.service
    Repair: Stop the service; if it is needed, add the port to the `allow` list
    with a reason.

MEDIUM (1)
  • A certificate is about to expire  +4.9 points  tls.expiring
    • cong.example.vn:443: index=0  not_after=2025-12-01 07:00 days_left=8
    Repair: Renew the certificate.

COULD NOT BE DECIDED (1)
Not seen does not mean safe: these earn no points.

  • traffic: not enough rights to look  permission  if:eth0
    Detail: Capturing on eth0 needs CAP_NET_RAW; run as root.
    What to do: Run as root (`sudo`), or as secmon.service, which is granted
    exactly what is needed.
    Rules still open (1): A host is scanning ports

ACCEPTED RISKS (1)
  • A port that no list allows is open to the network  high
    ports.unexpected-listener
    • local: tcp 0.0.0.0:5432  scope=exposed systemd_unit=postgresql.service
      accepted by W-2026-014 until the end of 2027-01-31

Passed: 2   Not applicable: 0

────────────────────────────────────────────────────────────────────────────────
In all: 5 failed (1 critical, 3 high, 1 medium, 1 of them accepted), 1 unknown,
0 in error, 2 passed, 0 not applicable.
Exit code 1: something fails at severity high or above and is not accepted.
"""


def test_vietnamese_has_its_own_words_and_numbers():
    shown = page(samples.typical(), "vi")
    for text in (
        "Điểm 54,5/100",
        "NGHIÊM TRỌNG (1)",
        "Telnet mở ra mạng  +16,4 điểm",
        "không đủ quyền để xem",
    ):
        assert text in shown
    for text in ("Score", "Repair", "critical", "not enough"):
        assert text not in shown


def test_waivers_that_want_looking_after_are_told_with_what_to_do():
    shown = page(samples.doubtful())
    assert shown.partition("WAIVERS TO REVIEW")[2].partition("\n\n")[0] == REVIEW
    assert "xóa khỏi tệp" in page(samples.doubtful(), "vi")
    assert "WAIVERS TO REVIEW" not in page(samples.typical())
    del (old := samples.typical())["waivers"]
    assert page(old) == page(samples.typical()), "a report of an earlier version names no waivers"


REVIEW = """\
 (4)
  • W-again  ports.unexpected-listener  /etc/secmon/waivers/site.yml:12
    It ended on 2026-10-31; failures that it was for count again: 3.
    What to do: repair them; where the risk has to stay, write a new waiver and
    have it approved.
  • W-over  ports.unexpected-listener  /etc/secmon/waivers/site.yml:12
    It ended on 2026-10-31.
    What to do: remove it.
  • W-unit  ports.unexpected-listener  /etc/secmon/waivers/site.yml:12
    Too broad: it also accepts what nobody has looked at; failures now: 14.
    What to do: narrow it: under match name one asset, or a unit with a subject.
  • W-unused  tls.expiring  /etc/secmon/waivers/site.yml:12
    Unused: all that it is for was seen, and nothing of it fails.
    What to do: remove it."""


def test_a_long_list_is_cut_and_says_so():
    shown = page(samples.many(200))
    assert shown.count("service-with-a-long-name") == 2 * table.ENTRIES_SHOWN
    assert "… and 114 more" in shown
    assert "… and 46 more" in shown


def test_nothing_judged_is_not_called_good():
    shown = page(report())
    assert "nothing can be said" in shown
    assert "Nothing to repair" not in shown
    assert "Exit code" not in shown


def test_nothing_failing_is_told_with_what_was_not_seen():
    seen = [result("tls.expiring")]
    assert "Nothing to repair.\n" in page(report(seen))
    unseen = [*seen, result("traffic.port-scan", "unknown", reason="permission")]
    assert "Nothing to repair in what could be seen." in page(report(unseen))


def test_several_assets_have_an_overview_first():
    head = page(samples.several()).split("────", 1)[0]
    assert "• may-chu-01   Score 54.5/100" in head
    assert "• router-bien  Score 100.0/100   Grade A (good)" in head
    assert "• cam-bien     No score: no rule applies to this asset." in head


def test_the_exit_code_follows_fail_on():
    failing = report([result("tls.expiring", "fail")], assets=[asset()])
    assert "Exit code 1: something fails at severity medium" in page(failing, fail_on=Severity.MEDIUM)
    assert "Exit code 0" in page(failing, fail_on=Severity.HIGH)


def test_a_terminal_has_colour_and_its_own_width(monkeypatch):
    shown = on_terminal(samples.typical(), monkeypatch, TERM="xterm-256color", COLUMNS="100")
    assert "\x1b[1;37;41mNGHIÊM TRỌNG (1)" in shown
    assert "─" * 100 in shown
    assert "─" * 101 not in shown


def test_lines_stay_short_enough_to_read_on_a_wide_terminal(monkeypatch):
    shown = on_terminal(samples.typical(), monkeypatch, TERM="xterm", COLUMNS="300")
    assert "─" * 120 in shown
    assert "─" * 121 not in shown


class Closed(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_a_reader_who_left_is_the_callers_business():
    with pytest.raises(BrokenPipeError):
        table.render(samples.typical(), Closed(), table.Reader("vi"))


def test_no_color_is_honoured(monkeypatch):
    shown = on_terminal(samples.typical(), monkeypatch, TERM="xterm", COLUMNS="80", NO_COLOR="1")
    assert "\x1b[3" not in shown
    assert "\x1b[1;3" not in shown


def test_hostile_text_moves_no_cursor(monkeypatch):
    shown = on_terminal(samples.hostile(), monkeypatch, TERM="dumb", COLUMNS="80")
    assert "\x1b" not in shown
    assert "\\x1b[2J\\x1b]0;owned\\x07[bold red]x[/]" in shown
