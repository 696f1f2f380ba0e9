"""Hold the words of the report page, in Vietnamese and English."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from secmon.export.report.exit import ExitCode

AUDIT: Final = Words("KIỂM TRA AN TOÀN", "SECURITY AUDIT")
SCORE: Final = Words("Điểm", "Score")
ACCEPTED: Final = Words("tính cả rủi ro đã chấp nhận: {0}", "with accepted risks: {0}")
GRADE: Final = Words("Hạng {0} ({1})", "Grade {0} ({1})")
COVERAGE: Final = Words("Đã xem {0} %", "Seen {0} %")
NO_SCORE: Final = Words(
    "Chưa có điểm: không có quy tắc nào áp dụng cho máy này.", "No score: no rule applies to this asset."
)
LEVEL: Final = Words("cấp độ {0}", "level {0}")
CAPPED: Final = Words(
    "Hạng bị giữ ở C vì có quy tắc nghiêm trọng không đạt hoặc chưa kết luận được.",
    "The grade is held at C: a critical rule fails or could not be decided.",
)
CHECK: Final = Words("Kiểm tra", "Check")
POINTS: Final = Words("Điểm đạt", "Points")
SEEN: Final = Words("Đã xem", "Seen")

OPEN_PORTS: Final = Words("CỔNG MỞ RA MẠNG", "OPEN PORTS")
DEVICES: Final = Words("THIẾT BỊ TRẢ LỜI", "DEVICES THAT ANSWER")

FAILURES: Final = Words("CẦN SỬA", "TO REPAIR")
NO_FAILURES: Final = Words("Không có lỗi nào cần sửa.", "Nothing to repair.")
NO_FAILURES_SEEN: Final = Words(
    "Trong phần đã xem không có lỗi nào cần sửa.", "Nothing to repair in what could be seen."
)
GAIN: Final = Words("+{0} điểm", "+{0} points")
GAIN_OPEN: Final = Words("chưa tính được điểm", "points not known yet")
FIX: Final = Words("Cách sửa: ", "Repair: ")
MORE: Final = Words(
    "… và {0} chỗ nữa; danh sách đầy đủ: --format json", "… and {0} more; the full list: --format json"
)

UNDECIDED: Final = Words("CHƯA KẾT LUẬN ĐƯỢC", "COULD NOT BE DECIDED")
UNDECIDED_WHY: Final = Words(
    "Chưa xem được không có nghĩa là an toàn: các mục này không được tính điểm.",
    "Not seen does not mean safe: these earn no points.",
)
DO: Final = Words("Cần làm: ", "What to do: ")
DETAIL: Final = Words("Chi tiết: ", "Detail: ")
MISSING: Final = Words("Không thấy: ", "Not seen: ")
RULES_OPEN: Final = Words("Quy tắc chưa rõ ({0}): ", "Rules still open ({0}): ")
PARTLY: Final = Words(
    "Chỉ xem được một phần; các quy tắc đã đủ dữ liệu.", "Partly seen; the rules had what they need."
)

WAIVED: Final = Words("RỦI RO ĐÃ CHẤP NHẬN", "ACCEPTED RISKS")
WAIVER: Final = Words("chấp nhận theo {0} đến hết {1}", "accepted by {0} until the end of {1}")

REVIEW: Final = Words("RỦI RO ĐÃ CHẤP NHẬN CẦN XEM LẠI", "WAIVERS TO REVIEW")
EXPIRED_FAILING: Final = Words(
    "Hết hạn sau ngày {0}; lỗi thuộc diện này lại bị tính: {1}.",
    "It ended on {0}; failures that it was for count again: {1}.",
)
RENEW: Final = Words(
    "sửa lỗi; nếu vẫn phải chấp nhận thì lập bản mới và trình duyệt lại.",
    "repair them; where the risk has to stay, write a new waiver and have it approved.",
)
EXPIRED: Final = Words("Hết hạn sau ngày {0}.", "It ended on {0}.")
UNUSED: Final = Words(
    "Không dùng đến: đã xem đủ mà không thấy lỗi nào thuộc diện này.",
    "Unused: all that it is for was seen, and nothing of it fails.",
)
REMOVE: Final = Words("xóa khỏi tệp.", "remove it.")
BROAD: Final = Words(
    "Phạm vi quá rộng, chấp nhận cả những lỗi chưa ai xem xét; hiện có {0} lỗi.",
    "Too broad: it also accepts what nobody has looked at; failures now: {0}.",
)
NARROW: Final = Words(
    "thu hẹp ở khóa match: nêu một máy (asset), hoặc đơn vị kèm đối tượng (unit, subject).",
    "narrow it: under match name one asset, or a unit with a subject.",
)

PASSED: Final = Words("Đạt: {0}   Không áp dụng: {1}", "Passed: {0}   Not applicable: {1}")
SUMMARY: Final = Words(
    "Tổng cộng: {fail} không đạt{severities}, {unknown} chưa rõ, {error} lỗi kiểm tra, {pass} đạt, "
    "{not_applicable} không áp dụng.",
    "In all: {fail} failed{severities}, {unknown} unknown, {error} in error, {pass} passed, "
    "{not_applicable} not applicable.",
)
WAIVED_COUNT: Final = Words("trong đó {0} đã được chấp nhận", "{0} of them accepted")
NOTHING: Final = Words(
    "Không có kết quả nào: không có quy tắc nào được xét, nên không kết luận được điều gì.",
    "There are no results: no rule was judged, so nothing can be said.",
)

EXITS: Final[dict[ExitCode, Words]] = {
    ExitCode.GOOD: Words(
        "Mã thoát 0: đã xem đủ và không có lỗi nào từ mức {0} trở lên.",
        "Exit code 0: all was seen, and nothing fails at severity {0} or above.",
    ),
    ExitCode.FAILING: Words(
        "Mã thoát 1: có lỗi từ mức {0} trở lên chưa được chấp nhận.",
        "Exit code 1: something fails at severity {0} or above and is not accepted.",
    ),
    ExitCode.UNDECIDED: Words(
        "Mã thoát 3: không thấy lỗi từ mức {0} trở lên, nhưng có phần chưa xem được.",
        "Exit code 3: nothing seen fails at severity {0} or above, but not all could be seen.",
    ),
}
