"""Hold the words of an asset's dashboard."""

from __future__ import annotations

from typing import Final

from secmon.core.words import Words
from tools.dashboards.panels import Head

GRADE: Final = Head(
    Words("Hạng", "Grade"),
    Words(
        "Hạng do tác tử tính: A từ 85 %, B từ 70 %, C từ 50 %, D từ 30 %, còn lại E; còn quy tắc "
        "nghiêm trọng chưa đạt hoặc chưa rõ thì cao nhất là C.",
        "Grade by the agent: A from 85 %, B from 70 %, C from 50 %, D from 30 %, else E; at most "
        "C while a critical rule fails or is not decided.",
    ),
)
STATE: Final = Head(
    Words("Trạng thái", "State"),
    Words(
        "Tác tử có trả lời và được tin không. Lời cuối được tin còn hiệu lực mười phút, với máy chạy "
        "theo giờ làm việc thì lâu hơn; sau đó tính 0 điểm. Không được tin: coi tài sản khác danh mục, "
        "có gói quy tắc chưa được chấp nhận, hoặc đồng hồ sai; xem các cảnh báo.",
        "Whether the agent answers and is believed. Its last word that was believed holds for ten "
        "minutes, longer for machines that are not always on; after that the asset counts 0. Not "
        "believed: it takes the asset for something else than the inventory does, its packs are not "
        "accepted, or its clock is wrong; see the alerts.",
    ),
)
MAINTENANCE: Final = Head(
    Words("Bảo trì", "Maintenance"),
    Words(
        "Có đang bảo trì theo danh mục hay không. Khi bảo trì không phát cảnh báo, điểm vẫn tính.",
        "Whether the inventory has the asset in maintenance. Then it raises no alerts, and still counts.",
    ),
)
IDENTITY: Final = Head(
    Words("Theo danh mục", "By the inventory"),
    Words(
        "Danh mục ghi tài sản này là gì và tác tử nào nói thay nó. Tác tử coi nó là khác thì kết "
        "quả không được tính.",
        "What the inventory says the asset is, and which agent speaks for it. Where the agent "
        "takes it for something else, what it says does not count.",
    ),
)
POINTS: Final = Head(
    Words("Điểm theo kiểm tra", "Points by check"),
    Words(
        "Có thể: điểm tối đa theo danh mục. Xét được, sau miễn trừ, thô: điểm tác tử báo, chưa "
        "nhân độ mới. Xét được ít hơn có thể: có chỗ chưa nhìn thấy.",
        "Possible: what the inventory expects. Covered, accepted and raw: what the agent reports, "
        "before freshness. Covered below possible: something was not seen.",
    ),
)
FRESHNESS: Final = Head(
    Words("Độ mới theo kiểm tra", "Freshness by check"),
    Words(
        "100 % khi lần chạy trọn vẹn gần nhất còn trong hạn, rồi giảm dần đến 0 ở hai lần hạn. "
        "Giảm: kiểm tra không chạy trọn vẹn nữa; xem các kiểm tra ở dưới.",
        "100 % while the last complete run is within its age limit, then falling to 0 at twice "
        "that age. Where it falls the check no longer completes; see the checks below.",
    ),
)
FAILING: Final = Head(
    Words("Quy tắc chưa đạt", "Rules not passed"),
    Words(
        "Quy tắc chưa đạt, chưa rõ hoặc lỗi, và số đối tượng mỗi quy tắc. `secmon rules explain "
        "ID` nói rõ quy tắc và cách sửa.",
        "Rules that fail, are unknown or in error, and how many subjects each. `secmon rules "
        "explain ID` says what a rule is and how to repair.",
    ),
)
REPAIR: Final = Head(
    Words("Sửa gì trước", "What to repair first"),
    Words(
        "Sửa hết lỗi của một quy tắc thì điểm thô của tài sản tăng chừng nào (ước tính theo mức "
        "độ; hơi cao nếu mức độ đã được nâng). Quy tắc còn chỗ chưa rõ thì chưa có trong bảng; tác tử "
        "không được tin thì bảng trống.",
        "What the asset's raw score gains once nothing fails the rule any more (estimated from "
        "severities; too high where an override raised one). A rule that is also unknown "
        "somewhere is not listed yet, and none is while the agent is not believed.",
    ),
)
REASONS: Final = Head(
    Words("Vì sao chưa nhìn thấy", "Why something was not seen"),
    Words(
        "Lý do các lần xem hỏng hoặc dở dang ở lần chạy gần nhất. Mỗi chỗ chưa thấy làm giảm độ phủ.",
        "Why looks of the latest run failed or stayed partial. Each of them costs coverage.",
    ),
)
LISTENERS: Final = Head(
    Words("Cổng lắng nghe theo phạm vi", "Listeners by scope"),
    Words(
        "Số dịch vụ lắng nghe trên máy, theo nơi có thể chạm tới. `exposed` là mở ra mạng: mỗi "
        "cổng phải có lý do.",
        "Services that listen on the host, by from where they can be reached. `exposed` is open "
        "to the network: each needs a reason.",
    ),
)
PORTS: Final = Head(
    Words("Cổng mở nhìn từ mạng", "Ports open from the network"),
    Words(
        "Số cổng mà tác tử khác thấy mở từ bên ngoài. Tăng bất ngờ: tìm xem dịch vụ nào mới mở.",
        "Ports that were seen open from outside. Where it rises unexpectedly find the service "
        "that opened one.",
    ),
)
CERTIFICATES: Final = Head(
    Words("Chứng thư: số ngày còn lại", "Certificates: days left"),
    Words(
        "Số ngày còn lại của chứng thư sớm hết hạn nhất tại từng đích; số âm là đã hết hạn. Gia "
        "hạn trước khi còn 21 ngày.",
        "Days left of the certificate that ends first at each target; below 0 it has expired. "
        "Renew before 21 days are left.",
    ),
)
ENDPOINTS: Final = Head(
    Words("Đích TLS: kết quả", "TLS endpoints: result"),
    Words(
        "Mỗi đích ra sao: `trusted` là không có gì sai, còn lại là lý do không tin cậy hoặc không "
        "xem được. Sửa chuỗi chứng thư hoặc dịch vụ.",
        "How each target fares: `trusted` has nothing against it; else why it is not trusted or "
        "could not be seen. Repair the chain or the service.",
    ),
)
UPDATES: Final = Head(
    Words("Bản cập nhật chờ cài", "Updates pending"),
    Words(
        "Số gói có bản mới hơn, theo loại. Cài bản vá bảo mật trước.",
        "Packages with a newer version, by class. Install security updates first.",
    ),
)
REBOOT: Final = Head(
    Words("Cần khởi động lại", "Reboot required"),
    Words(
        "Bản vá đã cài nhưng chỉ có hiệu lực sau khi khởi động lại. Hãy hẹn giờ khởi động lại.",
        "Updates are installed that take effect only after a reboot. Plan one.",
    ),
)
SUPPORT: Final = Head(
    Words("Hệ điều hành còn được vá", "Operating system supported for"),
    Words(
        "Số ngày còn được vá bảo mật miễn phí; số âm là đã hết. Lên kế hoạch nâng cấp trước khi còn 90 ngày.",
        "Days of free security updates left; below 0 they have ended. Plan the upgrade before 90 "
        "days are left.",
    ),
)
INDEX: Final = Head(
    Words("Tuổi danh mục gói", "Age of the package index"),
    Words(
        "Tuổi của danh mục gói bảo mật đã ký. Cũ hơn vài ngày: sửa nguồn gói, nếu không số bản "
        "cập nhật không đáng tin.",
        "Age of the signed index of the security archive. Older than some days: repair the "
        "package source, or the number of updates says little.",
    ),
)
ANOMALIES: Final = Head(
    Words("Bất thường đang diễn ra", "Anomalies in progress"),
    Words(
        "Số bất thường trong cửa sổ gần nhất, theo bộ phát hiện. Xem báo cáo của tài sản để biết "
        "nguồn, đích và bằng chứng.",
        "Anomalies in the last window, by detector. The asset's report has sources, destinations "
        "and evidence.",
    ),
)
LOSS: Final = Head(
    Words("Gói tin bị mất khi bắt", "Packets lost in capture"),
    Words(
        "Tỉ lệ gói tin mất trước khi được đọc; những gì mất thì không xét được. Trên 1 %: thu hẹp "
        "lưu lượng được bắt hoặc cho máy thêm CPU.",
        "Share of packets lost before they were read; what is lost is not judged. Above 1 %: "
        "capture less, or give the host more CPU.",
    ),
)
DETECTED: Final = Head(
    Words("Bất thường theo thời gian", "Anomalies over time"),
    Words(
        "Số bất thường tác tử thấy mỗi giờ, theo bộ phát hiện; bất thường kéo dài được đếm ở mỗi cửa sổ.",
        "Anomalies that the agent saw per hour, by detector; one that goes on counts in each window.",
    ),
)
CHECKS: Final = Head(
    Words("Kiểm tra của tác tử", "Checks of the agent"),
    Words(
        "Hoạt động: lần chạy cuối được xét và bộ cảm biến chứng tỏ là nhìn thấy. Bị dừng, bỏ lỡ "
        "hoặc tạm dừng: kiểm tra quá nặng hoặc hạn quá ngắn.",
        "Up: the latest run was judged and its sensor proved that it can see. Killed, missed or "
        "paused: the check is too heavy or its deadline too short.",
    ),
)
DURATIONS: Final = Head(
    Words("Thời gian chạy", "Duration of runs"),
    Words(
        "Thời gian lần chạy gần nhất của mỗi kiểm tra. Gần bằng khoảng cách giữa hai lần chạy: "
        "giảm số đích hoặc chạy thưa hơn.",
        "Time that the last run of each check took. Close to its interval: look at fewer targets, "
        "or less often.",
    ),
)
FAILURES: Final = Head(
    Words("Lần chạy hỏng theo lý do", "Failed runs by reason"),
    Words(
        "Số lần chạy hỏng từ khi tác tử khởi động, theo lý do. Lặp lại: xem nhật ký của secmon trên máy đó.",
        "Runs that failed since the agent started, by reason. Where they repeat see secmon's "
        "journal on that host.",
    ),
)
MEMORY: Final = Head(
    Words("Bộ nhớ của tác tử", "Memory of the agent"),
    Words(
        "Bộ nhớ của tiến trình chính. Bình thường dưới 40 MiB; tăng mãi là lỗi, hãy báo cho nhóm phát triển.",
        "Memory of the core process. It stays under 40 MiB; a steady rise is a defect to report.",
    ),
)
CPU: Final = Head(
    Words("CPU của tác tử", "CPU of the agent"),
    Words(
        "Phần của một nhân CPU mà tiến trình chính dùng. Bình thường dưới 0,3 %.",
        "Share of one CPU core that the core process uses. It stays under 0.3 %.",
    ),
)
RELOAD: Final = Head(
    Words("Nạp cấu hình và quy tắc", "Configuration and rules loaded"),
    Words(
        "Lần đọc gần nhất có tốt không. Không: bản cũ vẫn dùng; nhật ký nêu tệp, dòng, cột của từng lỗi.",
        "Whether the latest reading was good. If not, the old ones stay in use; the journal names "
        "file, line and column of each fault.",
    ),
)
EXPOSED: Final = Head(
    Words("Trang số liệu không bảo vệ", "Page without protection"),
    Words(
        "Trang số liệu mở ra mạng mà không có TLS với chứng thư máy khách hoặc mật khẩu. Có: cấu "
        "hình `listen.web_config`.",
        "Whether the page of metrics is open to the network without TLS and client certificates "
        "or users. If so set `listen.web_config`.",
    ),
)
AGE: Final = Head(
    Words("Tuổi trang số liệu", "Age of the page"),
    Words(
        "Trang số liệu được làm lại mỗi 15 giây. Cũ hơn một phút: tác tử treo hoặc đồng hồ chậm; "
        "số âm: đồng hồ chạy trước.",
        "The page is made anew every 15 s. Older than a minute: the agent hangs or its clock is "
        "behind; below 0 the clock is ahead.",
    ),
)
TROUBLES: Final = Head(
    Words("Sự cố của tác tử", "Troubles of the agent"),
    Words(
        "Số lần từ khi tác tử khởi động: ghi trạng thái hỏng (đĩa đầy, quyền), chuỗi số liệu bị "
        "bỏ (quá 500 mỗi tài sản), truy vấn bị từ chối.",
        "Since the agent started: failed writes to the store (disk, rights), series left out "
        "(more than 500 for an asset), requests refused.",
    ),
)
PACKS: Final = Head(
    Words("Gói quy tắc đang dùng", "Packs in force"),
    Words(
        "Gói quy tắc, miễn trừ và điều chỉnh mà tác tử dùng. Được chấp nhận: danh mục có đúng mã "
        "băm này; gói riêng của đơn vị thì không tính điểm.",
        "Packs of rules, waivers and overrides that the agent uses. Accepted: the inventory lists "
        "this digest; packs of a site's own score nothing.",
    ),
)
WAIVERS: Final = Head(
    Words("Miễn trừ còn hạn", "Waivers"),
    Words(
        "Số ngày còn lại của từng miễn trừ trên tác tử. Hết hạn là lỗi tính lại ngay: hãy sửa, "
        "hoặc xin lại trước đó.",
        "Days left of each waiver on the agent. When it ends the failure counts again at once: "
        "repair it, or renew before.",
    ),
)
