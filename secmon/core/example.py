"""Say what each key of secmon.yml means, and write the file as a commented example.

In the example a line that begins with `# ` explains, and one that begins with `#` and no blank is a key or an
item that may be switched on; switched on or not, the file is valid.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from secmon.core.contract import CheckSpec, Registry, SettingSpec
    from secmon.core.texts import Lang

_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Key:
    """One key of secmon.yml.

    Attributes:
        name: the key.
        value: its default, or an example where it has none, as it is written in YAML.
        words: what it does.
        default: what holds where it is absent, "" where that is `value`.
    """

    name: str
    value: str
    words: Words
    default: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of secmon.yml.

    Attributes:
        name: its key, "" for the keys at the top.
        words: what it is for.
        keys: its keys, or those of each of its items.
        item: an example item, for a section that is a list.
    """

    name: str
    words: Words
    keys: tuple[Key, ...]
    item: str = ""


_HEAD: Final = Words(
    "Cấu hình của secmon. Mọi mục đều có thể bỏ trống; dòng bắt đầu bằng # và không có dấu cách là mục "
    "có thể bật bằng cách bỏ dấu #. Kiểm tra tệp này bằng: secmon config check -c TỆP",
    "Configuration of secmon. Every key may be left out; a line that begins with # and no blank is "
    "switched on by taking the # away. Check this file with: secmon config check -c FILE",
)
_CHECKS: Final = Words(
    "Các kiểm tra: khi nào chạy và xem gì.", "The checks: when each runs and what it looks at."
)
_ROLES: Final = Words(
    "vai trò: document-exchange, public-service, digital-signature, database, payment, learning, appliance, "
    "workstation, server",
    "what it is for: document-exchange, public-service, digital-signature, database, payment, learning, "
    "appliance, workstation, server",
)
_LEVEL: Final = Words(
    "cấp độ an toàn hệ thống thông tin, 1 đến 5", "level of its information systems, 1 to 5"
)
_UNIT: Final = Words("mã đơn vị vận hành", "id of the unit that operates it")

SECTIONS: Final = (
    Section(
        "agent",
        Words("Tác tử này.", "This agent."),
        (Key("name", "may-chu-01", Words("tên của tác tử", "its name"), default="the host's name"),),
    ),
    Section(
        "asset",
        Words("Chính máy này.", "This host."),
        (
            Key(
                "id",
                "may-chu-01",
                Words("mã trong danh mục", "its id in the inventory"),
                default="the agent's name",
            ),
            Key("unit", "so-khcn", _UNIT, default="none"),
            Key(
                "platform",
                "linux",
                Words("linux, windows, network hoặc other", "linux, windows, network or other"),
            ),
            Key("level", "2", _LEVEL),
            Key("roles", "[server]", _ROLES),
        ),
    ),
    Section(
        "watches",
        Words(
            "Máy chủ và thiết bị khác mà tác tử này kiểm tra từ bên ngoài.",
            "Other servers and devices that this agent looks at from outside.",
        ),
        (
            Key(
                "id", "router-bien", Words("mã trong danh mục; bắt buộc", "its id in the inventory; required")
            ),
            Key("address", "192.0.2.1", Words("địa chỉ hoặc tên máy", "its address or name"), default="none"),
            Key("unit", "so-khcn", _UNIT, default="none"),
            Key(
                "platform",
                "network",
                Words("linux, windows, network hoặc other", "linux, windows, network or other"),
                default="other",
            ),
            Key("level", "2", _LEVEL),
            Key("roles", "[appliance]", _ROLES, default="[server]"),
        ),
        item="{id: router-bien, address: 192.0.2.1, platform: network, level: 2, roles: [appliance]}",
    ),
    Section(
        "rules",
        Words("Quy tắc, rủi ro đã chấp nhận và điều chỉnh.", "Rules, accepted risks and overrides."),
        (
            Key(
                "paths",
                "[builtin]",
                Words(
                    "thư mục quy tắc; builtin là bộ đi kèm", "folders of rules; builtin is the shipped set"
                ),
            ),
            Key(
                "allowed_signers",
                "/etc/secmon/allowed_signers",
                Words("khóa được phép ký các bộ quy tắc", "keys that may sign packs of rules"),
                default="none",
            ),
            Key("waivers", "[]", Words("thư mục rủi ro đã chấp nhận", "folders of accepted risks")),
            Key("overrides", "[]", Words("thư mục điều chỉnh cho đơn vị", "folders of overrides")),
        ),
    ),
    Section(
        "listen",
        Words("Nơi phục vụ số đo Prometheus.", "Where Prometheus metrics are served."),
        (
            Key("address", "127.0.0.1", Words("địa chỉ của máy này", "an address of this host")),
            Key("port", "9877", Words("cổng TCP", "TCP port")),
            Key(
                "web_config",
                "/etc/secmon/web.yml",
                Words(
                    "tệp TLS và mật khẩu, theo định dạng của exporter-toolkit; xem docs/province.md",
                    "file of TLS and passwords, in the format of exporter-toolkit; see docs/province.md",
                ),
                default="none",
            ),
            Key(
                "insecure",
                "false",
                Words(
                    "true: chấp nhận phục vụ ra mạng mà không bảo vệ; được báo trong số đo",
                    "true: serve to the network without protection, on purpose; the metrics tell",
                ),
            ),
        ),
    ),
    Section(
        "",
        Words("Các mục chung.", "Common keys."),
        (
            Key(
                "state_dir",
                "/var/lib/secmon",
                Words("thư mục lưu trạng thái", "folder of the state"),
                default="$STATE_DIRECTORY, /var/lib/secmon, or $XDG_STATE_HOME/secmon",
            ),
            Key(
                "lang",
                "vi",
                Words("ngôn ngữ: vi hoặc en", "language: vi or en"),
                default="that of LANG, else vi",
            ),
            Key(
                "allowed_networks",
                "[]",
                Words(
                    "mạng được phép kiểm tra, ngoài địa chỉ của chính máy này",
                    "networks that may be looked at, beside this host's own addresses",
                ),
            ),
        ),
    ),
    Section(
        "known_sources",
        Words(
            "Nguồn có lưu lượng bất thường nhưng hợp lệ, ví dụ máy quét của đơn vị.",
            "Sources whose odd traffic is expected, such as a scanner of one's own.",
        ),
        (
            Key("cidr", "192.0.2.9/32", Words("mạng; bắt buộc", "network; required")),
            Key(
                "detectors",
                "[port_scan]",
                Words("bộ phát hiện được bỏ qua; bắt buộc", "detectors that stay silent; required"),
            ),
            Key("reason", "scanner", Words("lý do; bắt buộc", "why; required")),
            Key("until", "2027-12-31", Words("ngày cuối cùng; bắt buộc", "last day; required")),
        ),
        item='{cidr: 192.0.2.9/32, detectors: [port_scan], reason: "scanner", until: 2027-12-31}',
    ),
)
"""Every section but `checks`, which the registry describes."""

CHECK_KEYS: Final = (
    Key("enabled", "true", Words("chạy kiểm tra này", "run this check")),
    Key("interval", "", Words("thời gian giữa hai lần, 10s đến 12h", "time between runs, 10s to 12h")),
    Key("deadline", "", Words("thời gian tối đa cho một lần", "time that a run may take")),
    Key(
        "targets",
        "[]",
        Words("đích; để trống thì kiểm tra chính máy này", "what to look at; left out: this host itself"),
    ),
)
"""The keys that each check has; interval and deadline have defaults of their own in each."""

TARGET_KEYS: Final = (
    Key(
        "asset",
        "router-bien",
        Words("mã máy; mặc định theo địa chỉ", "id of its asset"),
        default="by its address",
    ),
    Key(
        "address",
        "192.0.2.1",
        Words("tên máy, địa chỉ, mạng hoặc local", "host, address, network or `local`"),
        default="none",
    ),
    Key("port", "443", Words("cổng TCP", "TCP port"), default="none"),
    Key(
        "sni",
        "cong.example.vn",
        Words("tên gửi trong TLS", "name sent in TLS"),
        default="the host where it is a name",
    ),
    Key("starttls", "smtp", Words("giao thức chuyển sang TLS", "protocol that starts TLS"), default="none"),
    Key(
        "trust",
        "[/etc/secmon/roots]",
        Words("thư mục chứng thư gốc tin cậy thêm", "folders of further trusted roots"),
        default="none",
    ),
    Key(
        "pin_sha256",
        '""',
        Words("dấu vân tay SHA-256 của chứng thư", "SHA-256 fingerprint of its certificate"),
        default="none",
    ),
    Key(
        "hours",
        '"22:00-05:00"',
        Words("chỉ được nhìn trong những giờ này (giờ Việt Nam)", "when it may be looked at, in Vietnam"),
        default="any time",
    ),
    Key(
        "path",
        "/etc/ssl/web.pem",
        Words("tệp hoặc thư mục trên máy này", "file or folder of this host"),
        default="none",
    ),
    Key("interface", "eth0", Words("giao diện mạng của máy này", "interface of this host"), default="none"),
)
"""The keys of a target; it has one of address, path and interface."""


def example(registry: Registry, lang: Lang) -> str:
    """Write secmon.yml as a commented example.

    Args:
        registry: the checks that exist.
        lang: language of the comments.

    Returns:
        A file that is valid as it is and means the built-in defaults.
    """
    lines = [*_comment(_HEAD.of(lang), ""), ""]
    for section in SECTIONS:
        lines += [*_section(section, lang), ""]
    lines += _comment(_CHECKS.of(lang), "")
    for key in CHECK_KEYS:
        lines += _comment(f"{key.name}: {key.words.of(lang)}", "")
    lines.append("checks:")
    for spec in registry.checks.values():
        lines += _check(spec, lang)
    return "\n".join(lines) + "\n"


def _section(section: Section, lang: Lang) -> Iterator[str]:
    yield from _comment(section.words.of(lang), "")
    indent = "  " if section.name else ""
    if section.name:
        yield f"{section.name}:"
    if section.item:
        for key in section.keys:
            yield from _comment(f"{key.name}: {key.words.of(lang)}", indent)
        yield f"{indent}#- {section.item}"
        return
    for key in section.keys:
        yield from _key(key.name, key.value, key.words.of(lang), indent)


def _check(spec: CheckSpec, lang: Lang) -> Iterator[str]:
    yield f"  {spec.name}:"
    yield from _comment(spec.vi if lang == "vi" else spec.en, "    ")
    values = {"interval": duration(spec.interval_seconds), "deadline": duration(spec.deadline_seconds)}
    for key in CHECK_KEYS:
        yield f"    #{key.name}: {values.get(key.name, key.value)}"
    for setting in spec.settings:
        text = setting.vi if lang == "vi" else setting.en
        yield from _key(setting.name, setting_value(setting), text, "    ")


def _key(name: str, value: str, text: str, indent: str) -> Iterator[str]:
    yield from _comment(text, indent)
    yield f"{indent}#{name}: {value}"


def _comment(text: str, indent: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - len(indent) - 2, break_on_hyphens=False):
        yield f"{indent}# {line}"


def duration(seconds: float) -> str:
    """Write a duration as secmon.yml does.

    Args:
        seconds: whole seconds.

    Returns:
        `1d`, `12h`, `5m` or `90s`.
    """
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"


def setting_value(setting: SettingSpec) -> str:
    """Write the default of a setting as secmon.yml does.

    Args:
        setting: a check's setting.

    Returns:
        YAML on one line.
    """
    value = setting.default
    if setting.type == "duration":
        return duration(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if value != "" else '""'
