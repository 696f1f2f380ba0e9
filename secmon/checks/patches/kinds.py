"""Declare the kinds of fact that the check yields: `host`, one a root, and `update`, one a package."""

from __future__ import annotations

from typing import Final

from secmon.core.contract import FieldSpec, FieldType, KindSpec
from secmon.core.model import Form, Vantage

_SOURCES: Final = {Form.LOCAL: (Vantage.INSIDE,), Form.ROOT: (Vantage.INSIDE,)}

HOST: Final = KindSpec(
    name="host",
    key=(),
    fields=(
        FieldSpec(
            "os_id", FieldType.TEXT, "Distribution, ID of os-release", "Bản phân phối, ID trong os-release"
        ),
        FieldSpec(
            "os_version",
            FieldType.TEXT,
            "Release, VERSION_ID of os-release; null on a rolling one",
            "Phiên bản, VERSION_ID trong os-release; null nếu phát hành cuốn chiếu",
        ),
        FieldSpec(
            "os_codename",
            FieldType.TEXT,
            "Codename of the release; null where it has none",
            "Tên mã của phiên bản; null nếu không có",
        ),
        FieldSpec(
            "eol_date",
            FieldType.TIMESTAMP,
            "End of free security updates: Debian's LTS, Ubuntu's standard support",
            "Thời điểm hết bản vá an ninh miễn phí: LTS của Debian, hỗ trợ tiêu chuẩn của Ubuntu",
            unit="seconds",
        ),
        FieldSpec(
            "days_to_eol",
            FieldType.INTEGER,
            "Days until then, negative afterwards",
            "Số ngày còn lại đến lúc đó, âm nếu đã qua",
            unit="days",
            days_until="eol_date",
        ),
        FieldSpec(
            "kernel_running",
            FieldType.TEXT,
            "Release of the running kernel",
            "Phiên bản nhân đang chạy",
        ),
        FieldSpec(
            "kernel_newest",
            FieldType.TEXT,
            "Release of the newest installed kernel of the running one's flavour; null for none",
            "Phiên bản nhân mới nhất đã cài, cùng loại với nhân đang chạy; null nếu không cài nhân nào",
        ),
        FieldSpec(
            "kernel_stale",
            FieldType.BOOLEAN,
            "A newer kernel than the running one is installed",
            "Đã cài nhân mới hơn nhân đang chạy",
        ),
        FieldSpec(
            "reboot_required",
            FieldType.BOOLEAN,
            "Installed updates wait for a reboot",
            "Bản cập nhật đã cài đang chờ khởi động lại",
        ),
        FieldSpec(
            "pending_updates",
            FieldType.INTEGER,
            "Installed packages with a newer version that apt would install",
            "Số gói đã cài có phiên bản mới hơn mà apt sẽ cài",
        ),
        FieldSpec(
            "pending_security",
            FieldType.INTEGER,
            "Installed packages with a newer version in a security archive, held and pinned ones included",
            "Số gói đã cài có phiên bản mới hơn trong kho bản vá an ninh, kể cả gói bị giữ hoặc bị ghim",
        ),
        FieldSpec(
            "security_index_timestamp",
            FieldType.TIMESTAMP,
            "Signed date of the security archive's index, the oldest where there are several",
            "Ngày ký của danh mục kho bản vá an ninh, lấy ngày cũ nhất nếu có nhiều kho",
            unit="seconds",
        ),
        FieldSpec(
            "security_index_age_days",
            FieldType.INTEGER,
            "Age of that date",
            "Tuổi của ngày ký đó",
            unit="days",
            days_since="security_index_timestamp",
        ),
        FieldSpec(
            "auto_updates",
            FieldType.BOOLEAN,
            "unattended-upgrades is installed and apt's timer runs it",
            "unattended-upgrades đã được cài và được bộ hẹn giờ của apt chạy",
        ),
        FieldSpec(
            "time_synchronised",
            FieldType.BOOLEAN,
            "The kernel's clock is disciplined by a time source (adjtimex(2))",
            "Đồng hồ của nhân được đồng bộ với nguồn thời gian (adjtimex(2))",
        ),
        FieldSpec("package_count", FieldType.INTEGER, "Installed packages", "Số gói đã cài"),
    ),
    sources=_SOURCES,
    en="The patch state of one host or one root",
    vi="Tình trạng bản vá của một máy hoặc một cây thư mục gốc",
)

UPDATE: Final = KindSpec(
    name="update",
    key=("package",),
    fields=(
        FieldSpec(
            "package",
            FieldType.TEXT,
            "Name, with `:architecture` where that is a foreign one",
            "Tên gói, kèm `:kiến trúc` nếu khác kiến trúc của máy",
        ),
        FieldSpec("installed", FieldType.DPKG_VERSION, "Installed version", "Phiên bản đã cài"),
        FieldSpec(
            "candidate",
            FieldType.DPKG_VERSION,
            "Version that apt would install; the newest security version where a pin forbids it",
            "Phiên bản apt sẽ cài; nếu bị ghim thì là phiên bản vá an ninh mới nhất",
        ),
        FieldSpec(
            "security",
            FieldType.BOOLEAN,
            "A newer version is in a security archive",
            "Có phiên bản mới hơn trong kho bản vá an ninh",
        ),
        FieldSpec(
            "source",
            FieldType.TEXT,
            "Label and suite of the archive that has the candidate",
            "Nhãn và nhánh của kho chứa phiên bản sẽ cài",
        ),
        FieldSpec(
            "held", FieldType.BOOLEAN, "The package is on hold in dpkg", "Gói bị giữ nguyên trong dpkg"
        ),
        FieldSpec(
            "pinned",
            FieldType.BOOLEAN,
            "apt's preferences keep the security update away",
            "Thiết lập ưu tiên của apt chặn bản vá an ninh này",
        ),
    ),
    sources=_SOURCES,
    en="One installed package with a newer version that matters",
    vi="Một gói đã cài có phiên bản mới hơn cần cập nhật",
)
