"""Hold the words of the province's dashboard."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from tools.dashboards.panels import Head

ASSETS: Final = Head(
    Words("Tài sản", "Assets"),
    Words(
        "Tài sản đang hoạt động theo danh mục. Nếu sai thì sửa danh mục, vì điểm tính trên đó.",
        "Assets in service by the inventory. If it is wrong correct the inventory: scores count "
        "what it lists.",
    ),
)
KINDS: Final = Head(
    Words("Điểm thô theo loại đơn vị", "Raw score by kind of unit"),
    Words(
        "Mỗi loại đơn vị có việc và máy khác nhau: hãy so một loại với chính nó theo thời gian, "
        "đừng so các loại với nhau.",
        "Kinds of unit differ in tasks and machines: compare a kind with itself over time, not with another.",
    ),
)
RANKING: Final = Head(
    Words("Xếp hạng: $unit_kind", "Ranking"),
    Words(
        "Các đơn vị cùng loại có độ phủ từ 60 % trở lên, xếp theo điểm thô. Bấm vào tên để mở đơn vị.",
        "Units of one kind with a coverage of 60 % or more, by raw score. Click a name to open the unit.",
    ),
)
LACKING: Final = Head(
    Words("Chưa đủ dữ liệu: $unit_kind", "Not enough data"),
    Words(
        "Đơn vị có độ phủ dưới 60 %: không xếp hạng, vì chưa biết tốt hay xấu. Đưa các tác tử của "
        "đơn vị hoạt động trở lại thì điểm mới có nghĩa.",
        "Units with a coverage under 60 %: not ranked, since nobody knows how they stand. Bring "
        "their agents back; then the score means something.",
    ),
)
GRADES: Final = Head(
    Words("Tài sản theo hạng", "Assets by grade"),
    Words(
        "Hạng theo điểm sau miễn trừ: A từ 85 %, B từ 70 %, C từ 50 %, D từ 30 %, còn lại E. A và "
        "B còn đòi mọi quy tắc nghiêm trọng đều đã xét, còn mới và không có lỗi ngoài miễn trừ; "
        "nếu không thì chỉ C. Im lặng là E.",
        "Grade by accepted score: A from 85 %, B from 70 %, C from 50 %, D from 30 %, else E. A "
        "and B also ask that every critical rule is decided, fresh and without an unwaived "
        "failure; else it is C. A silent asset has E.",
    ),
)
CAPPED: Final = Head(
    Words("Bị chặn ở hạng C", "Capped at C"),
    Words(
        "Tài sản đủ điểm cho A hoặc B nhưng tác tử không xác nhận hạng đó trong giờ qua: có quy "
        "tắc nghiêm trọng chưa đạt hoặc chưa rõ. Hãy sửa lỗi nghiêm trọng trước.",
        "Assets whose points would do for A or B, but whose agent did not confirm it within the "
        "hour: a critical rule fails or is not decided. Repair critical findings first.",
    ),
)
RULES: Final = Head(
    Words("Quy tắc chưa đạt nhiều nhất", "Worst rules"),
    Words(
        "Số tài sản chưa đạt từng quy tắc, nhiều nhất ở trên, theo các tác tử đang trả lời; “chưa "
        "rõ” là chưa xét được. `secmon rules explain ID` nói rõ quy tắc và cách sửa.",
        "How many assets fail each rule, the most first, by the agents that answer now; "
        '"undecided" could not be judged. `secmon rules explain ID` says what a rule is and how '
        "to repair.",
    ),
)
NOT_REPORTING: Final = Head(
    Words("Tác tử im lặng", "Agents not reporting"),
    Words(
        "Tác tử không trả lời và lời cuối đã hết hiệu lực; tài sản của nó tính 0 điểm. Kiểm tra "
        "máy, mạng và dịch vụ secmon. Ô tác tử trống: danh mục chưa giao tài sản cho ai.",
        "Agents that do not answer and whose last word no longer holds; their assets count 0. See "
        "to the host, the network and the service secmon. Where no agent is named the inventory "
        "gives the asset to nobody.",
    ),
)
PACKS: Final = Head(
    Words("Gói quy tắc không được chấp nhận", "Packs not accepted"),
    Words(
        "Tác tử xét bằng gói quy tắc mà danh mục không chấp nhận hoặc đã hết hạn; kết quả của nó "
        "không được tính. Cập nhật gói trên tác tử, hoặc ghi gói vào danh mục.",
        "Agents that judge by packs that the inventory does not accept, or no longer; what they "
        "say does not count. Update the agent's packs, or list the pack in the inventory.",
    ),
)
