"""Run the agent: `secmon run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.cli.command import CONFIG, Command, Example, Words, parse
from secmon.cli.output import user_language

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN = Command(
    name="run",
    summary=Words(
        "chạy tác tử: kiểm tra theo lịch, xuất số đo Prometheus", "run the agent: scheduled checks, metrics"
    ),
    description=Words(
        "Chạy tác tử ở tiền cảnh: kiểm tra theo lịch và phục vụ số đo Prometheus tại "
        "http://127.0.0.1:9877/metrics (đổi bằng `listen`). SIGHUP đọc lại cấu hình; SIGTERM hoặc "
        "Ctrl-C kết thúc.",
        "Run the agent in the foreground: checks on schedule, Prometheus metrics at "
        "http://127.0.0.1:9877/metrics (`listen` changes it). SIGHUP reads the configuration again; "
        "SIGTERM or Ctrl-C ends it.",
    ),
    options=(CONFIG,),
    examples=(
        Example("sudo secmon run", Words("chạy với cấu hình mặc định", "run with the usual configuration")),
        Example("secmon run -c ./secmon.yml", Words("chạy với tệp này", "run with this file")),
    ),
)
COMMANDS = {"run": RUN}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run the agent until it is told to end.

    Args:
        name: `run`.
        arguments: what follows it.

    Returns:
        0 after an orderly end, 2 where the configuration is bad.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    from secmon import app
    from secmon.cli.invocation import of_config

    return app.run_daemon(of_config("run", values))
