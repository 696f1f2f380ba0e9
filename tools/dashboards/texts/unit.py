"""Hold the words of a unit's dashboard."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from tools.dashboards.panels import Head

RANK: Final = Head(
    Words("Thứ hạng cùng loại", "Rank among its kind"),
    Words(
        "Thứ hạng theo điểm thô trong các đơn vị cùng loại có độ phủ từ 60 %. Không có số: đơn vị "
        "này chưa đủ độ phủ để xếp hạng.",
        "Rank by raw score among the units of its kind that have 60 % coverage. No number: this "
        "unit has too little coverage to be ranked.",
    ),
)
ASSETS: Final = Head(
    Words("Tài sản của đơn vị", "Assets of the unit"),
    Words(
        "Điểm, trạng thái và việc còn lại của từng tài sản, thấp nhất ở trên; ô trống là chưa có "
        "tin. Bấm vào tên để mở tài sản.",
        "Score, state and open work of each asset, the lowest first; an empty cell means that "
        "nothing is known. Click a name to open the asset.",
    ),
)
REPAIR: Final = Head(
    Words("Sửa gì trước", "What to repair first"),
    Words(
        "Sửa hết lỗi của một quy tắc thì điểm thô của đơn vị tăng chừng nào (ước tính theo mức "
        "độ, tài sản mà tác tử đang trả lời và được tin; hơi cao nếu mức độ đã được nâng). Làm từ "
        "trên xuống. `secmon rules explain ID` nói cách sửa.",
        "What the unit's raw score gains once nothing fails the rule any more (estimated from "
        "severities, over assets whose agents answer and are believed; too high where an override "
        "raised one). Begin at the top. `secmon rules explain ID` says how to repair.",
    ),
)
CRITICAL: Final = Head(
    Words("Lỗi nghiêm trọng đang mở", "Open critical findings"),
    Words(
        "Lỗi nghiêm trọng chưa sửa và không có miễn trừ trên các tài sản đang trả lời. Phải sửa "
        "ngay; mỗi lỗi còn giữ tài sản ở hạng C.",
        "Critical failures neither repaired nor waived, on assets that answer. They cannot wait; "
        "each also keeps its asset at grade C.",
    ),
)
WAIVED: Final = Head(
    Words("Lỗi đã miễn trừ", "Waived findings"),
    Words(
        "Lỗi mà đơn vị đã xin chấp nhận, còn hạn. Chúng vẫn trừ điểm thô; hết hạn là tính lại.",
        "Failures whose risk somebody accepted for a time. They still cost raw score, and count "
        "in full when the waiver ends.",
    ),
)
CHECKS: Final = Head(
    Words("Kiểm tra không chạy được", "Checks failing"),
    Words(
        "Lần chạy cuối hỏng, hoặc kiểm tra bị tạm dừng sau nhiều lần bị dừng cưỡng bức. Những gì "
        "nó phải xem thì thành chưa rõ. Xem `secmon status` và nhật ký trên máy đó.",
        "The latest run failed, or the check is paused after it was killed several times. What it "
        "should see becomes unknown. See `secmon status` and the journal on that host.",
    ),
)
CERTIFICATES: Final = Head(
    Words("Chứng thư sắp hết hạn", "Certificates expiring soonest"),
    Words(
        "Hai mươi đích có chứng thư hết hạn sớm nhất; số âm là đã hết hạn. Gia hạn trước khi còn "
        "21 ngày, là lúc bắt đầu cảnh báo.",
        "The twenty targets whose certificate ends soonest; below 0 it has expired. Renew before "
        "21 days are left, which is when the alert begins.",
    ),
)
PATCHES: Final = Head(
    Words("Cập nhật và vòng đời", "Updates and end of life"),
    Words(
        "Bản cập nhật chờ cài, cần khởi động lại, số ngày hệ điều hành còn được vá và tuổi của "
        "danh mục gói. Danh mục gói cũ thì số bản cập nhật không đáng tin.",
        "Updates that wait, whether a reboot is due, days of security support left, and how old "
        "the package index is. With an old index the number of updates says little.",
    ),
)
