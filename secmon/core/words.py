"""Hold the closed words of secmon as a person reads them, in Vietnamese and English.

Texts of rules travel with the rules, and texts of one page stand beside it: here is what all share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from secmon.core.model import Completeness, Outcome, Reason, Role, Severity, Vantage

if TYPE_CHECKING:
    from secmon.core.texts import Lang


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages.

    Attributes:
        vi: Vietnamese.
        en: English.
    """

    vi: str
    en: str

    def of(self, lang: Lang) -> str:
        """Return the text in a language."""
        return self.vi if lang == "vi" else self.en


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """What a Reason means and what to do about it.

    Attributes:
        why: completes "could not be decided: ..."; no full stop.
        repair: one or two sentences to act on.
    """

    why: Words
    repair: Words


SEVERITIES: Final[dict[Severity, Words]] = {
    Severity.CRITICAL: Words("nghiêm trọng", "critical"),
    Severity.HIGH: Words("cao", "high"),
    Severity.MEDIUM: Words("trung bình", "medium"),
    Severity.LOW: Words("thấp", "low"),
    Severity.INFO: Words("thông tin", "info"),
}

OUTCOMES: Final[dict[Outcome, Words]] = {
    Outcome.PASS: Words("đạt", "pass"),
    Outcome.FAIL: Words("không đạt", "fail"),
    Outcome.UNKNOWN: Words("chưa rõ", "unknown"),
    Outcome.ERROR: Words("lỗi kiểm tra", "error"),
    Outcome.NOT_APPLICABLE: Words("không áp dụng", "not applicable"),
}

COMPLETENESS: Final[dict[Completeness, Words]] = {
    Completeness.OK: Words("đầy đủ", "complete"),
    Completeness.PARTIAL: Words("một phần", "partial"),
    Completeness.FAILED: Words("không xem được", "failed"),
}

GRADES: Final[dict[str, Words]] = {
    "A": Words("tốt", "good"),
    "B": Words("khá", "fair"),
    "C": Words("trung bình", "middling"),
    "D": Words("yếu", "weak"),
    "E": Words("kém", "poor"),
}

VANTAGES: Final[dict[Vantage, Words]] = {
    Vantage.INSIDE: Words("từ bên trong", "from inside"),
    Vantage.OUTSIDE: Words("từ bên ngoài", "from outside"),
}

ROLES: Final[dict[Role, Words]] = {
    Role.DOCUMENT_EXCHANGE: Words("trao đổi văn bản", "document exchange"),
    Role.PUBLIC_SERVICE: Words("dịch vụ công", "public service"),
    Role.DIGITAL_SIGNATURE: Words("chữ ký số", "digital signature"),
    Role.DATABASE: Words("cơ sở dữ liệu", "database"),
    Role.PAYMENT: Words("thanh toán", "payment"),
    Role.LEARNING: Words("học tập", "learning"),
    Role.APPLIANCE: Words("thiết bị mạng", "appliance"),
    Role.WORKSTATION: Words("máy trạm", "workstation"),
    Role.SERVER: Words("máy chủ", "server"),
}

REASONS: Final[dict[Reason, ReasonWords]] = {
    Reason.TIMEOUT: ReasonWords(
        Words("hết thời gian chờ mà chưa có câu trả lời", "no answer came in time"),
        Words(
            "Kiểm tra xem đích còn hoạt động không và tường lửa có chặn không; nếu mạng chậm, "
            "tăng `deadline` của kiểm tra này trong secmon.yml.",
            "See whether the target is up and whether a firewall drops the traffic; on a slow "
            "network raise this check's `deadline` in secmon.yml.",
        ),
    ),
    Reason.REFUSED: ReasonWords(
        Words("đích từ chối kết nối", "the connection was refused"),
        Words(
            "Kiểm tra xem dịch vụ có đang chạy và lắng nghe đúng cổng này không.",
            "See whether the service is running and listens on this port.",
        ),
    ),
    Reason.UNREACHABLE: ReasonWords(
        Words("không có đường tới đích", "the target cannot be reached"),
        Words(
            "Kiểm tra địa chỉ, định tuyến và tường lửa giữa máy này và đích.",
            "Check the address, the route and the firewalls between this host and the target.",
        ),
    ),
    Reason.RESET: ReasonWords(
        Words("đích ngắt kết nối giữa chừng", "the other side cut the connection off"),
        Words(
            "Xem nhật ký của dịch vụ; có thể tường lửa hoặc danh sách truy cập đang chặn máy này.",
            "Look at the service's log; a firewall or an access list may be turning this host away.",
        ),
    ),
    Reason.DNS_FAILURE: ReasonWords(
        Words("không phân giải được tên", "the name does not resolve"),
        Words(
            "Kiểm tra tên và cấu hình DNS của máy này, hoặc ghi thẳng địa chỉ IP.",
            "Check the name and this host's DNS settings, or give the address itself.",
        ),
    ),
    Reason.PERMISSION: ReasonWords(
        Words("không đủ quyền để xem", "not enough rights to look"),
        Words(
            "Chạy bằng root (`sudo`), hoặc bằng dịch vụ secmon.service đã được cấp đúng các quyền cần thiết.",
            "Run as root (`sudo`), or as secmon.service, which is granted exactly what is needed.",
        ),
    ),
    Reason.NOT_TLS: ReasonWords(
        Words("cổng có trả lời nhưng không dùng TLS", "the port answers but does not speak TLS"),
        Words(
            "Kiểm tra số cổng; có thể dịch vụ chỉ dùng TLS sau lệnh STARTTLS, mà phiên bản này chưa thử.",
            "Check the port number; it may speak TLS after STARTTLS only, which this version does not try.",
        ),
    ),
    Reason.STARTTLS_REFUSED: ReasonWords(
        Words("dịch vụ không chịu chuyển sang TLS", "the service refused to start TLS"),
        Words(
            "Bật STARTTLS trên dịch vụ, hoặc sửa lại giao thức ghi sau dấu phẩy.",
            "Turn STARTTLS on at the service, or correct the protocol named after the comma.",
        ),
    ),
    Reason.TARPIT: ReasonWords(
        Words(
            "đích trả lời giả trên mọi cổng hoặc cố tình làm chậm",
            "the target feigns answers on every port or slows them down on purpose",
        ),
        Words(
            "Kiểm tra từ một địa chỉ mà tường lửa của đích tin cậy, hoặc kiểm tra từ bên trong đích.",
            "Look from an address that the target's firewall trusts, or audit the target from inside.",
        ),
    ),
    Reason.UNSUPPORTED: ReasonWords(
        Words("secmon chưa hỗ trợ hệ thống hay phiên bản này", "this system or version is not supported"),
        Words(
            "Mục này phải kiểm tra bằng tay; xem tài liệu để biết những gì được hỗ trợ.",
            "This part has to be looked at by hand; the documentation says what is supported.",
        ),
    ),
    Reason.NO_DATA: ReasonWords(
        Words("không có dữ liệu cần xem", "the data to look at is not there"),
        Words(
            "Tạo ra dữ liệu đó rồi kiểm tra lại; ví dụ với danh mục gói phần mềm: `apt-get update`.",
            "Provide it, then audit again; for package lists, for example: `apt-get update`.",
        ),
    ),
    Reason.STALE_DATA: ReasonWords(
        Words("dữ liệu đã quá cũ, không còn tin được", "the data is too old to be trusted"),
        Words(
            "Làm mới dữ liệu rồi kiểm tra lại; ví dụ với danh mục gói phần mềm: `apt-get update`.",
            "Refresh it, then audit again; for package lists, for example: `apt-get update`.",
        ),
    ),
    Reason.BAD_DATA: ReasonWords(
        Words("dữ liệu hỏng hoặc không đúng định dạng", "the data is damaged or not what it should be"),
        Words(
            "Kiểm tra tệp hoặc thiết bị được nêu trong phần chi tiết; tệp có thể bị cắt cụt.",
            "Check the file or device that the detail names; it may have been cut short.",
        ),
    ),
    Reason.RESOURCE_LIMIT: ReasonWords(
        Words(
            "đã chạm giới hạn về dung lượng, bộ nhớ hoặc thời gian",
            "a limit on size, memory or time was reached",
        ),
        Words(
            "Chia nhỏ việc kiểm tra: ít đích hơn trong mỗi lần chạy.",
            "Look at less at a time: fewer targets in each run.",
        ),
    ),
    Reason.CRASHED: ReasonWords(
        Words("chương trình kiểm tra bị lỗi giữa chừng", "the check itself failed"),
        Words(
            "Các kiểm tra khác không bị ảnh hưởng. Hãy báo lỗi này kèm phần chi tiết và `secmon --version`.",
            "The other checks are not affected. Report it with the detail and `secmon --version`.",
        ),
    ),
    Reason.ONE_SIDED: ReasonWords(
        Words("chỉ thấy một chiều của lưu lượng", "only one direction of the traffic was seen"),
        Words(
            "Cấu hình cổng giám sát (mirror) để gửi cả hai chiều tới giao diện này.",
            "Set the mirror port up so that both directions reach this interface.",
        ),
    ),
    Reason.PACKET_LOSS: ReasonWords(
        Words("mất quá nhiều gói tin khi thu", "too many packets were lost while capturing"),
        Words(
            "Chọn giao diện ít tải hơn, hoặc cấp thêm CPU cho máy này.",
            "Choose a less busy interface, or give this host more CPU.",
        ),
    ),
    Reason.LEARNING: ReasonWords(
        Words("vẫn đang học thế nào là bình thường", "what is normal is still being learnt"),
        Words("Chờ hết giai đoạn học.", "Wait until the learning period has ended."),
    ),
    Reason.NOT_CONFIGURED: ReasonWords(
        Words(
            "kiểm tra này đang tắt hoặc chưa được cấu hình", "this check is switched off or not configured"
        ),
        Words(
            "Bật lại và khai báo đích cho kiểm tra này trong secmon.yml.",
            "Switch it on and give it targets in secmon.yml.",
        ),
    ),
    Reason.NOT_ALLOWED: ReasonWords(
        Words(
            "địa chỉ không nằm trong các mạng được phép kiểm tra",
            "the address is not one that may be looked at",
        ),
        Words(
            "Nếu bạn có quyền kiểm tra đích này, ghi nó sau `--target` hoặc thêm mạng của nó vào "
            "`allowed_networks`.",
            "If you may look at it, name it after `--target` or add its network to `allowed_networks`.",
        ),
    ),
}
