"""Declare the check `ports`: what listens on this host, and which ports of other hosts can be reached."""

from __future__ import annotations

from typing import Final

from secmon.checks.ports.kinds import DEVICE, LISTENER, PORT, PUBLISHED, REACHABILITY
from secmon.core.contract import CheckSpec, MetricSpec, ProbeSpec, SettingSpec
from secmon.core.model import Form

CHECK: Final = CheckSpec(
    name="ports",
    kinds=(LISTENER, PUBLISHED, REACHABILITY, PORT, DEVICE),
    probes=(
        ProbeSpec(
            name="local",
            module="secmon.checks.ports.probe.local",
            forms=(Form.LOCAL,),
            kinds=("listener",),
            acquire_with=("SYS_PTRACE", "DAC_READ_SEARCH"),
            observe_with=("SYS_PTRACE", "DAC_READ_SEARCH"),
            cpu_seconds=None,
            long_lived=True,
        ),
        ProbeSpec(
            name="published",
            module="secmon.checks.ports.probe.published",
            forms=(Form.LOCAL,),
            kinds=("published",),
            acquire_with=("NET_ADMIN",),
        ),
        ProbeSpec(
            name="joined",
            module="secmon.checks.ports.probe.joined",
            forms=(Form.LOCAL,),
            kinds=("reachability",),
        ),
        ProbeSpec(
            name="remote",
            module="secmon.checks.ports.probe.remote",
            forms=(Form.HOST, Form.ENDPOINT),
            kinds=("port",),
            acquire_with=("NET_RAW",),
        ),
        ProbeSpec(
            name="discovery",
            module="secmon.checks.ports.probe.discovery",
            forms=(Form.NETWORK,),
            kinds=("device",),
            acquire_with=("NET_RAW",),
        ),
    ),
    interval_seconds=900,
    deadline_seconds=300,
    long_lived_probe="local",
    en="Open ports: what listens on this host, what other hosts let in",
    vi="Cổng mở: máy này đang lắng nghe gì, máy khác cho kết nối gì",
    settings=(
        SettingSpec(
            name="ports",
            type="text",
            default="top",
            en="TCP ports of a host target: `top`, `all`, or a list such as `22,80,8000-8100`",
            vi="Các cổng TCP của đích là một máy: `top`, `all`, hoặc danh sách như `22,80,8000-8100`",
        ),
        SettingSpec(
            name="udp_ports",
            type="text",
            default="auto",
            en="UDP ports of a host target: `top` (those that secmon has a question for), `none`, or a list "
            "such as `53,161`; `auto` is `top` where `ports` holds `top`, else `none`",
            vi="Các cổng UDP của đích là một máy: `top` (những cổng mà secmon biết cách hỏi), `none`, hoặc "
            "danh sách như `53,161`; `auto` là `top` nếu `ports` chứa đủ `top`, nếu không là `none`",
        ),
        SettingSpec(
            name="rate",
            type="integer",
            default=0,
            en="Packets per second and host; 0 means 100, or 20 for platform network, and 1,000 in all",
            vi="Số gói mỗi giây cho mỗi máy; 0 nghĩa là 100, thiết bị mạng là 20, và tổng cộng 1.000",
            minimum=0,
            maximum=100_000,
        ),
        SettingSpec(
            name="exclude",
            type="texts",
            default=(),
            en="What is never touched: addresses, networks, or ports of them or of every host, such as "
            "`192.0.2.7`, `192.0.2.0/24:161`, `9100-9107`",
            vi="Những gì không bao giờ được chạm tới: địa chỉ, mạng, hoặc cổng của chúng hay của mọi máy, "
            "như `192.0.2.7`, `192.0.2.0/24:161`, `9100-9107`",
        ),
        SettingSpec(
            name="inventory",
            type="paths",
            default=(),
            en="inventory.yml files; a device that answers in a network and is not in them is unknown",
            vi="Các tệp inventory.yml; thiết bị trả lời trong mạng mà không có ở đây là thiết bị lạ",
        ),
        SettingSpec(
            name="identify",
            type="boolean",
            default=True,
            en="Ask open ports what they serve: a few connections to each, no login",
            vi="Hỏi cổng mở đang phục vụ gì: vài kết nối tới mỗi cổng, không đăng nhập",
        ),
        SettingSpec(
            name="fingerprints",
            type="paths",
            default=(),
            en="Files and folders of fingerprints that are tried before secmon's own",
            vi="Các tệp và thư mục mẫu nhận dạng được thử trước mẫu của secmon",
        ),
        SettingSpec(
            name="recog",
            type="paths",
            default=(),
            en="Folders of fingerprints in the format of recog, tried after secmon's own",
            vi="Các thư mục mẫu nhận dạng theo định dạng recog, được thử sau mẫu của secmon",
        ),
    ),
    metrics=(
        MetricSpec(
            name="secmon_listeners",
            type="gauge",
            labels=("asset", "scope"),
            help="Exposures of this host by the scope from which they can be reached.",
        ),
        MetricSpec(
            name="secmon_ports_open",
            type="gauge",
            labels=("asset",),
            help="Ports seen open from the network over all targets of the asset.",
        ),
    ),
)
