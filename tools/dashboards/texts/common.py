"""Hold the words of panels that more than one dashboard shows."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from tools.dashboards.panels import Head

RAW: Final = Head(
    Words("Điểm thô", "Raw score"),
    Words(
        "Phần điểm đạt được; mọi lỗi đều tính, kể cả lỗi đã được miễn trừ. Tài sản im lặng tính "
        "0. Xếp hạng theo điểm này. Thấp: xem mục “Sửa gì trước”.",
        "Share of points earned; every failure counts, waived ones too. A silent asset counts 0. "
        'Rankings use this score. Where it is low, see "What to repair first".',
    ),
)
ACCEPTED: Final = Head(
    Words("Điểm sau miễn trừ", "Accepted score"),
    Words(
        "Như điểm thô, nhưng lỗi có miễn trừ còn hạn thì không bị trừ. Nếu cách xa điểm thô thì "
        "nên xem lại các miễn trừ.",
        "The raw score with failures under a valid waiver forgiven. Where it is far above the raw "
        "score, go through the waivers.",
    ),
)
COVERAGE: Final = Head(
    Words("Độ phủ", "Coverage"),
    Words(
        "Phần điểm thật sự biết được: đã xem xét và còn mới. Dưới 60 % thì điểm số chưa nói lên "
        "điều gì; hãy tìm chỗ im lặng, lỗi kiểm tra hoặc kết quả cũ.",
        "Share of points that is really known: looked at, and fresh. Under 60 % the score says "
        "little; look for silence, failing checks and old results.",
    ),
)
TREND: Final = Head(
    Words("Điểm và độ phủ theo thời gian", "Score and coverage over time"),
    Words(
        "Điểm tăng mà độ phủ giảm không phải là tiến bộ. Bảng xếp hạng công bố dùng trung bình cả kỳ.",
        "A score that rises while coverage falls is no progress. Published rankings use the mean "
        "over the period.",
    ),
)
SILENT: Final = Head(
    Words("Tài sản im lặng", "Silent assets"),
    Words(
        "Tài sản mà không có tác tử nào báo tin; tính 0 điểm. Kiểm tra máy, mạng và dịch vụ "
        "secmon của tác tử.",
        "Assets for which no agent speaks; they count 0. See to the agent's host, its network and "
        "the service secmon.",
    ),
)
MAINTENANCE: Final = Head(
    Words("Đang bảo trì", "In maintenance"),
    Words(
        "Tài sản đang bảo trì theo danh mục: không phát cảnh báo, điểm vẫn tính. Xong việc thì "
        "xóa khỏi danh mục.",
        "Assets in maintenance by the inventory: they raise no alerts, and still count. Remove "
        "the entry when the work is done.",
    ),
)
ALERTS: Final = Head(
    Words("Cảnh báo đang phát", "Alerts firing"),
    Words(
        "Mỗi loại cảnh báo có trang hướng dẫn docs/runbooks/TÊN.md: nghĩa là gì, vì sao, làm gì.",
        "Each kind of alert has its page docs/runbooks/NAME.md: what it means, why, and what to do.",
    ),
)
FINDINGS: Final = Head(
    Words("Lỗi đang mở theo mức độ", "Open findings by severity"),
    Words(
        "Lỗi chưa sửa và không có miễn trừ, theo các tác tử đang trả lời. Lỗi nghiêm trọng phải sửa ngay.",
        "Failures neither repaired nor waived, by the agents that answer. Critical ones cannot wait.",
    ),
)
