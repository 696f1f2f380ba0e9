"""Name the faults that the demo shows on purpose: what each is, and which alert is to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from secmon.core.model import Role

SITES_IN_NEED: Final = ("xa-nui-da",)
"""Units that are seen too little to be ranked."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One fault.

    Attributes:
        name: as the modules that act on it know it.
        alert: the alert that it raises, "" for none.
        vi: what it is, Vietnamese.
        en: what it is, English.
        role: a role that the machine needs, None for any.
        place: `need` where it hides so much that its unit cannot be ranked, `centre` where the machine is no
            longer believed and only a large unit can bear that, "" for anywhere else.
    """

    name: str
    alert: str
    vi: str
    en: str
    role: Role | None = None
    place: Literal["", "need", "centre"] = ""


PLANTS: Final = (
    Plant("silent", "SecmonAgentSilent", "tác tử không trả lời", "the agent does not answer", place="need"),
    Plant(
        "no-rights",
        "SecmonCoverageLow",
        "tác tử thiếu quyền, gần như không xem được gì",
        "the agent lacks rights and sees next to nothing",
        place="need",
    ),
    Plant(
        "datastore",
        "SecmonCriticalFinding",
        "Redis mở ra mạng không mật khẩu",
        "Redis is open to the network",
    ),
    Plant(
        "old-rules",
        "SecmonPacksNotAccepted",
        "bộ quy tắc không được chấp nhận",
        "judges by rules that are not accepted",
        place="centre",
    ),
    Plant(
        "expiring",
        "SecmonCertificateExpiring",
        "chứng thư còn 9 ngày",
        "a certificate expires in 9 days",
        role=Role.PUBLIC_SERVICE,
    ),
    Plant(
        "end-of-life",
        "SecmonEndOfLife",
        "hệ điều hành hết hạn hỗ trợ",
        "the operating system is past its end of life",
    ),
    Plant("packet-loss", "SecmonCaptureLosing", "mất gói tin khi thu", "loses packets while capturing"),
    Plant(
        "clock-ahead",
        "SecmonClockAhead",
        "đồng hồ chạy trước 20 phút",
        "the clock is 20 minutes ahead",
        place="centre",
    ),
    Plant(
        "clock-behind",
        "SecmonClockBehind",
        "đồng hồ chậm một ngày rưỡi",
        "the clock is a day and a half behind",
        place="centre",
    ),
    Plant(
        "stalled",
        "",
        "kiểm tra vừa đứng yên 18 giờ: điểm cũ dần",
        "its checks have just stood still for 18 hours: the points age",
    ),
    Plant(
        "crashing", "SecmonCheckFailing", "kiểm tra bản vá bị tạm dừng", "the check patches is in quarantine"
    ),
    Plant(
        "blind", "SecmonCheckFailing", "cảm biến lưu lượng không tự chứng minh", "the traffic sensor is blind"
    ),
    Plant(
        "bad-rules",
        "SecmonReloadFailed",
        "không nạp được bộ quy tắc mới",
        "could not load its new rules",
    ),
    Plant(
        "wrong-level",
        "SecmonClaimMismatch",
        "tự khai sai cấp độ",
        "takes itself for another level than it has",
        place="centre",
    ),
    Plant(
        "stranger",
        "SecmonUnknownAsset",
        "báo cáo một camera không có trong danh mục",
        "reports a camera that the inventory does not have",
    ),
    Plant(
        "maintenance",
        "",
        "telnet mở, nhưng đang bảo trì: không cảnh báo",
        "telnet is open, but in maintenance: no alert",
    ),
    Plant(
        "waived",
        "",
        "hai lỗi đã được miễn trừ có thời hạn",
        "two findings are waived until a day: raw and accepted differ",
    ),
    Plant(
        "airgapped",
        "SecmonAgentSilent",
        "máy cách ly mạng, chưa ai mang báo cáo tới",
        "in no network, and nobody has carried its report here",
    ),
)
