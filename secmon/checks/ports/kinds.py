"""Declare the kinds of fact that the check yields: `listener` from inside, `port` from outside."""

from __future__ import annotations

from typing import Final

from secmon.core.contract import FieldSpec, FieldType, KindSpec
from secmon.core.model import Form, Vantage

SCOPES: Final = ("loopback", "link", "container", "exposed")

_PROTO: Final = FieldSpec(
    "proto",
    FieldType.TEXT,
    "Transport protocol",
    "Giao thức tầng giao vận",
    values=("tcp", "udp", "sctp"),
)
"""From inside; a look from outside asks no SCTP."""

_PORT: Final = FieldSpec("port", FieldType.INTEGER, "Port number", "Số cổng")

_SYSTEMD_UNIT: Final = FieldSpec(
    "systemd_unit",
    FieldType.TEXT,
    "systemd unit that opened it, null for none",
    "Đơn vị systemd đã mở cổng, null nếu không có",
)

LISTENER: Final = KindSpec(
    name="listener",
    key=("netns", "proto", "address", "port_key"),
    fields=(
        FieldSpec(
            "netns",
            FieldType.TEXT,
            "Network namespace: `host`, or the name of the container or unit that has its own",
            "Không gian tên mạng: `host`, hoặc tên container hay đơn vị có không gian riêng",
        ),
        _PROTO,
        FieldSpec(
            "address",
            FieldType.ADDRESS,
            "Bound address; a wildcard is 0.0.0.0 where IPv4 gets in, `::` where IPv6 alone does",
            "Địa chỉ lắng nghe; mọi địa chỉ là 0.0.0.0 nếu nhận IPv4, là `::` nếu chỉ nhận IPv6",
        ),
        FieldSpec(
            "port_key",
            FieldType.TEXT,
            "Port as it stands in the identity: its number, or `ephemeral` with the unit or uid for a UDP "
            "port that the kernel may have picked",
            "Cổng dùng để nhận dạng: số cổng, hoặc `ephemeral` kèm đơn vị hay uid với cổng UDP mà nhân "
            "có thể đã tự chọn",
        ),
        _PORT,
        FieldSpec(
            "family",
            FieldType.TEXT,
            "Which Internet protocols get in",
            "Giao thức Internet được nhận",
            values=("ipv4", "ipv6", "dual"),
        ),
        FieldSpec(
            "interface",
            FieldType.TEXT,
            "Interface that the socket is bound to, null for any",
            "Giao diện mạng mà cổng bị gắn vào, null là mọi giao diện",
        ),
        FieldSpec(
            "scope",
            FieldType.TEXT,
            "From where it can be reached: this host, its link, its own containers and guests, or anywhere "
            "else (private networks included)",
            "Truy cập được từ đâu: máy này, đường liên kết, container và máy ảo của máy này, hoặc nơi khác "
            "(kể cả mạng riêng)",
            values=SCOPES,
        ),
        FieldSpec(
            "address_class",
            FieldType.TEXT,
            "Class of the address; null for loopback, link-local and multicast",
            "Loại địa chỉ; null với loopback, link-local và multicast",
            values=("public", "private", "cgnat", "ula", "wildcard"),
        ),
        _SYSTEMD_UNIT,
        FieldSpec(
            "user",
            FieldType.TEXT,
            "User that opened it, null where the uid has no name",
            "Người dùng đã mở cổng, null nếu uid không có tên",
        ),
        FieldSpec("uid", FieldType.INTEGER, "User id that opened it", "Mã người dùng đã mở cổng"),
        FieldSpec(
            "pid",
            FieldType.INTEGER,
            "A process that holds it, null for the kernel's own",
            "Tiến trình đang giữ cổng, null nếu là của nhân",
        ),
        FieldSpec("process", FieldType.TEXT, "Name of that process", "Tên tiến trình"),
        FieldSpec(
            "executable", FieldType.TEXT, "Path of its executable", "Đường dẫn tệp thực thi của tiến trình"
        ),
        FieldSpec(
            "package",
            FieldType.TEXT,
            "Package that brought the executable, null for none",
            "Gói phần mềm chứa tệp thực thi, null nếu không thuộc gói nào",
        ),
        FieldSpec(
            "attribution",
            FieldType.TEXT,
            "The best that it could be traced to",
            "Truy được tới mức nào",
            values=("pid", "unit", "uid", "none"),
        ),
        FieldSpec(
            "present",
            FieldType.BOOLEAN,
            "It still listens; false for one that the daemon saw come and go within one interval",
            "Vẫn đang lắng nghe; false nếu tiến trình thường trú thấy cổng mở rồi đóng trong một chu kỳ",
        ),
    ),
    sources={Form.LOCAL: (Vantage.INSIDE,)},
    shown=("family", "systemd_unit", "user", "process"),
    en="A TCP socket that listens, or a UDP socket that takes from anybody, on this host",
    vi="Một cổng TCP đang lắng nghe, hoặc cổng UDP nhận từ bất kỳ đâu, trên máy này",
)

PUBLISHED: Final = KindSpec(
    name="published",
    key=("proto", "address", "port", "to_address", "to_port"),
    fields=(
        _PROTO,
        FieldSpec(
            "address",
            FieldType.ADDRESS,
            "Address of this host that it is for; 0.0.0.0 or `::` for any",
            "Địa chỉ của máy này mà luật áp dụng; 0.0.0.0 hoặc `::` là mọi địa chỉ",
        ),
        FieldSpec(
            "port",
            FieldType.INTEGER,
            "Port of this host, the first of a range",
            "Cổng của máy này, là cổng đầu nếu là một dải",
        ),
        FieldSpec("to_address", FieldType.ADDRESS, "Address that it goes to", "Địa chỉ nhận"),
        FieldSpec("to_port", FieldType.INTEGER, "Port that it goes to", "Cổng nhận"),
        FieldSpec(
            "scope",
            FieldType.TEXT,
            "From where it can be reached",
            "Truy cập được từ đâu",
            values=SCOPES,
        ),
    ),
    sources={Form.LOCAL: (Vantage.INSIDE,)},
    en="A port that this host hands on to a container, a guest or another host (destination NAT)",
    vi="Một cổng mà máy này chuyển tiếp tới container, máy ảo hoặc máy khác (NAT đích)",
)

REACHABILITY: Final = KindSpec(
    name="reachability",
    key=("host", "proto", "port"),
    fields=(
        FieldSpec(
            "host",
            FieldType.TEXT,
            "Host as the look from outside named it",
            "Máy, như lần nhìn từ ngoài đã ghi",
        ),
        _PROTO,
        _PORT,
        FieldSpec(
            "listening",
            FieldType.BOOLEAN,
            "This host listens on it, and not on loopback alone",
            "Máy này đang lắng nghe cổng đó, không chỉ trên loopback",
        ),
        FieldSpec("reachable", FieldType.BOOLEAN, "It was reached from outside", "Từ ngoài kết nối được"),
        _SYSTEMD_UNIT,
    ),
    sources={Form.LOCAL: (Vantage.INSIDE,)},
    when="join",
    shown=("systemd_unit",),
    en="A port as this host and a look from outside see it, joined (--join)",
    vi="Một cổng nhìn từ trong máy và từ ngoài, ghép lại (--join)",
)

DEVICE: Final = KindSpec(
    name="device",
    key=("address",),
    fields=(
        FieldSpec("address", FieldType.ADDRESS, "Address in the network", "Địa chỉ trong mạng"),
        FieldSpec("present", FieldType.BOOLEAN, "A device answers there", "Có thiết bị trả lời tại đó"),
        FieldSpec(
            "answers",
            FieldType.TEXTS,
            "How it showed itself: arp (on the link), icmp, tcp, own (this host)",
            "Thiết bị lộ diện bằng cách nào: arp (cùng mạng), icmp, tcp, own (chính máy này)",
        ),
        FieldSpec(
            "hardware",
            FieldType.TEXT,
            "Its link-layer address, null where it is not on a link of this host",
            "Địa chỉ MAC, null nếu không cùng mạng với máy này",
        ),
        FieldSpec(
            "known",
            FieldType.BOOLEAN,
            "The inventory has an asset with this address",
            "Danh mục tài sản có địa chỉ này",
        ),
        FieldSpec(
            "asset", FieldType.TEXT, "Id of that asset, null for none", "Mã tài sản đó, null nếu không có"
        ),
    ),
    sources={Form.NETWORK: (Vantage.OUTSIDE,)},
    when="network",
    shown=("hardware", "answers", "asset"),
    en="A device that answers in a network, or that the inventory has there and that does not answer",
    vi="Một thiết bị trả lời trong mạng, hoặc có trong danh mục tài sản mà không trả lời",
)

PORT: Final = KindSpec(
    name="port",
    key=("host", "proto", "port"),
    fields=(
        FieldSpec("host", FieldType.TEXT, "Host as the target names it", "Máy, như đích đã ghi"),
        FieldSpec(
            "proto", FieldType.TEXT, "Transport protocol", "Giao thức tầng giao vận", values=("tcp", "udp")
        ),
        _PORT,
        FieldSpec(
            "state",
            FieldType.TEXT,
            "What was met: open, unreliable (something takes connections and serves nothing: a SYN proxy, a "
            "tarpit), closed (refused), filtered (an ICMP error), no_reply (nothing came), not_measured (the "
            "host gave no sign of life, or nothing was sent)",
            "Kết quả: open (mở), unreliable (có thiết bị nhận kết nối nhưng không phục vụ gì: SYN proxy, "
            "tarpit), closed (bị từ chối), filtered (có lỗi ICMP), no_reply (không có trả lời), not_measured "
            "(máy không có dấu hiệu hoạt động, hoặc chưa gửi gì)",
            values=("open", "unreliable", "closed", "filtered", "no_reply", "not_measured"),
        ),
        FieldSpec(
            "service",
            FieldType.TEXT,
            "Service that it speaks, such as `ssh` or `https`; null where none was recognised",
            "Dịch vụ, như `ssh` hay `https`; null nếu không nhận ra",
        ),
        FieldSpec("vendor", FieldType.TEXT, "Who makes the product", "Nhà cung cấp sản phẩm"),
        FieldSpec("product", FieldType.TEXT, "Product that serves it", "Sản phẩm phục vụ cổng"),
        FieldSpec("version", FieldType.TEXT, "Version of the product", "Phiên bản của sản phẩm"),
        FieldSpec("cpe", FieldType.TEXT, "CPE 2.3 name of the product", "Tên CPE 2.3 của sản phẩm"),
        FieldSpec(
            "management",
            FieldType.BOOLEAN,
            "It is there to administer a device, a machine or a store; null where no product was recognised",
            "Dùng để quản trị thiết bị, máy chủ hoặc kho dữ liệu; null nếu không nhận ra sản phẩm",
        ),
        FieldSpec(
            "banner",
            FieldType.TEXT,
            "What it said: its greeting, or the first line, title and server of its page",
            "Điều dịch vụ nói: lời chào, hoặc dòng đầu, tiêu đề và tên máy chủ của trang",
        ),
        FieldSpec(
            "address",
            FieldType.ADDRESS,
            "Resolved address that it was seen at",
            "Địa chỉ đã phân giải mà tại đó thấy cổng",
        ),
    ),
    sources={
        Form.HOST: (Vantage.OUTSIDE,),
        Form.ENDPOINT: (Vantage.OUTSIDE,),
    },
    en="A port of a host as seen over the network; of many only those that answer",
    vi="Một cổng của máy nhìn từ mạng; khi xem nhiều cổng thì chỉ ghi cổng có trả lời",
)
