"""Show a province: run Prometheus over imagined agents until Ctrl-C, and say where to look."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secmon.cli.command import Words
from secmon.core.texts import language
from tools.demo import report, stack
from tools.demo.api import Unanswered
from tools.demo.fleet import AGENTS, build
from tools.demo.stack import CannotRunError, EndedError
from tools.demo.troubles import DAY
from tools.demo.world import LEAST_AGENTS, MOST_AGENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from secmon.core.texts import Lang

PORT: Final = 9190
SEED: Final = 7
EXIT_ENDED: Final = 1
EXIT_CANNOT_RUN: Final = 2
_LOOK_SECONDS: Final = 0.5
_WAIT: Final = Words(
    "Đang tạo dữ liệu và chờ Prometheus tính điểm, khoảng nửa phút ...",
    "Making observations and waiting for Prometheus to compute scores, about half a minute ...",
)
_ENDED: Final = Words(
    "Đã dừng; không còn tiến trình hay tệp nào.", "Stopped; no process and no file is left."
)
_HELP: Final = Words(
    "Cho xem một tỉnh: Prometheus thật thu thập các tác tử có dữ liệu do máy tạo ra, trên máy này.",
    "Show a province: a real Prometheus scrapes agents whose observations are made up, on this host.",
)
_OF_PORT: Final = Words(
    f"cổng TCP của Prometheus và của mọi trang; mặc định {PORT}",
    f"TCP port of Prometheus and of every page; default: {PORT}",
)
_OF_SEED: Final = Words(
    f"hạt giống: cùng số thì cùng một tỉnh; mặc định {SEED}",
    f"the same number gives the same province; default: {SEED}",
)
_OF_AGENTS: Final = Words(
    f"số tác tử, {LEAST_AGENTS} đến {MOST_AGENTS}; mặc định {AGENTS}",
    f"number of agents, {LEAST_AGENTS} to {MOST_AGENTS}; default: {AGENTS}",
)
_OF_SECONDS: Final = Words(
    "tự dừng sau chừng ấy giây kể từ khi có điểm", "stop by itself so many seconds after the scores are there"
)


class Stopped(Exception):  # noqa: N818  # what was asked for, not an error
    """Somebody wants the demo to end."""


def main(arguments: list[str]) -> int:
    """Run the demo.

    Args:
        arguments: of the command line.

    Returns:
        0 when it was stopped or its time is over, 1 where Prometheus ended by itself, 2 where it cannot run.
    """
    lang = language(os.environ)
    options = _parse(arguments, lang)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def pause(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopped

    try:
        with suppress(Stopped):
            _show(options, lang, pause)
    except CannotRunError as error:
        print(f"demo: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except (EndedError, Unanswered) as error:
        print(f"demo: {error}", file=sys.stderr)
        return EXIT_ENDED
    print(_ENDED.of(lang))
    return 0


def _parse(arguments: list[str], lang: Lang) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=_HELP.of(lang))
    parser.add_argument("--port", type=int, default=PORT, help=_OF_PORT.of(lang))
    parser.add_argument("--seed", type=int, default=SEED, help=_OF_SEED.of(lang))
    parser.add_argument("--agents", type=int, default=AGENTS, help=_OF_AGENTS.of(lang))
    parser.add_argument("--seconds", type=float, default=None, help=_OF_SECONDS.of(lang))
    options = parser.parse_args(arguments)
    if not LEAST_AGENTS <= options.agents <= MOST_AGENTS:
        parser.error(f"--agents {options.agents}: {LEAST_AGENTS} - {MOST_AGENTS}")
    if not 0 < options.port < 1 << 16:
        parser.error(f"--port {options.port}: 1 - 65535")
    return options


def _show(options: argparse.Namespace, lang: Lang, pause: Callable[[float], None]) -> None:
    """Run everything until `pause` raises, or the time is over."""
    stack.find("prometheus")
    print(_WAIT.of(lang), flush=True)
    fleet = build(options.seed, options.agents)
    past = DAY * min(
        1.0, AGENTS / options.agents
    )  # so that computing it takes seconds, however many there are
    with (
        tempfile.TemporaryDirectory(prefix="secmon-demo-") as folder,
        stack.run(fleet, Path(folder), options.port, past_seconds=past, pause=pause) as running,
    ):
        running.wait_for_scores(len(fleet.agents), len(fleet.world.units))
        print(*report.lines(running, fleet, lang), sep="\n", flush=True)
        end = time.monotonic() + (math.inf if options.seconds is None else options.seconds)
        while time.monotonic() < end:
            running.check()
            pause(min(_LOOK_SECONDS, end - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
