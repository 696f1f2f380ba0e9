"""Say in Vietnamese and English what each key of a file of rules is for, and what each operator means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from secmon.core.words import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final[Mapping[str, Words]] = {
    "rules": Words("các quy tắc", "the rules"),
    "profile": Words("hồ sơ: quy tắc nào áp dụng cho máy nào", "a profile: which rules bind which assets"),
    "uses": Words("hồ sơ dùng những quy tắc nào, dòng sau thắng", "what the profile uses; later lines win"),
    "overrides": Words("điều chỉnh của nơi sử dụng", "what a site changes"),
    "waivers": Words("rủi ro đã chấp nhận", "accepted risks"),
}

RULE: Final[Mapping[str, Words]] = {
    "id": Words(
        "mã, dạng PHÉP_KIỂM_TRA.TÊN; công khai, không bao giờ đổi", "CHECK.NAME; public, never renamed"
    ),
    "check": Words("phép kiểm tra thu thập dữ kiện", "the check that gathers the facts"),
    "severity": Words("mức độ khi không đạt", "how bad a failure is"),
    "params": Words("tham số, được nhắc tới bằng $tên", "parameters, named as $name"),
    "for_each": Words("loại dữ kiện được xét", "the kind of fact that is judged"),
    "where": Words("chọn đối tượng được xét; mặc định: tất cả", "selects subjects; default: all"),
    "require": Words(
        "điều mỗi đối tượng được chọn phải đạt; never: đối tượng nào được chọn cũng là không đạt",
        "what each selected subject must meet; never: each selected subject fails",
    ),
    "count": Words("điều kiện về số đối tượng được chọn", "what the number of selected subjects must meet"),
    "title": Words("sai ở đâu", "what is wrong"),
    "fix": Words("cách sửa", "the repair"),
    "maps": Words("văn bản và mục mà quy tắc viện dẫn", "framework and sections that it gives evidence for"),
    "tests": Words("bài kiểm thử đi kèm", "tests that travel with the rule"),
}

PARAM: Final[Mapping[str, Words]] = {
    "type": Words("kiểu", "its type"),
    "default": Words("giá trị mặc định", "its value where nothing else gives one"),
    **{
        f"level_{level}": Words(f"giá trị từ cấp độ {level}", f"its value from level {level} on")
        for level in range(1, 6)
    },
    "tighten": Words("phía nào chặt hơn", "which way is stricter"),
    "local": Words("nơi sử dụng tự đặt", "a site fills it"),
    "unit": Words("đơn vị, cho người đọc", "unit, for people"),
}

CASE: Final[Mapping[str, Words]] = {
    "name": Words("bài này cho thấy điều gì", "what the case shows"),
    "facts": Words(
        "một dữ kiện hoặc danh sách; trường bỏ trống là không thấy",
        "one fact or a list; what is left out was not seen",
    ),
    "looked": Words("complete, hoặc lý do không xem được", "complete, or why it could not be looked at"),
    "params": Words("giá trị tham số của riêng bài này", "values of parameters for this case"),
    "level": Words("cấp độ của máy; mặc định 2", "level of the asset; default 2"),
    "roles": Words("vai trò của máy; mặc định [server]", "roles of the asset; default [server]"),
    "now": Words("thời điểm xét", "the instant of judgement"),
    "expect": Words("kết quả mong đợi", "the outcome that is expected"),
}

PROFILE: Final[Mapping[str, Words]] = {
    "name": Words("tên, không trùng", "its name, unique"),
    "platform": Words("nền tảng; mặc định: mọi nền tảng", "one platform or a list; default: any"),
    "roles": Words(
        "vai trò, khớp một là đủ; mặc định: mọi vai trò",
        "roles, one in common is enough; default: any",
    ),
    "vantage": Words("quan sát từ đâu", "from where the asset is looked at"),
    "why": Words("vì sao hồ sơ này khác", "why it differs, in one line"),
}

USE: Final[Mapping[str, Words]] = {
    "use": Words("mẫu mã quy tắc", "pattern over rule ids"),
    "params": Words("giá trị thay cho giá trị của quy tắc", "values over the rules' own"),
    "severity": Words("mức độ thay cho mức độ của quy tắc", "severity over the rules' own"),
    "enabled": Words("false: loại các quy tắc này ra", "false leaves the rules out"),
    "reason": Words("vì sao; bắt buộc khi loại ra", "why; compulsory where rules are left out"),
}

OVERRIDE: Final[Mapping[str, Words]] = {
    "match": Words("cho đơn vị hoặc máy nào", "for which unit or asset"),
    "rule": Words("mẫu mã quy tắc", "pattern over rule ids"),
    "params": Words(
        "giá trị mới; chỉ được chặt hơn, trừ tham số local",
        "new values; only stricter, but for local ones",
    ),
    "severity": Words("mức độ mới; chỉ được cao hơn", "new severity; only higher"),
    "reason": Words("vì sao", "why"),
}

WAIVER: Final[Mapping[str, Words]] = {
    "id": Words("mã, không trùng", "its id, unique"),
    "rule": Words("mã quy tắc", "id of the rule"),
    "match": Words(
        "cho đơn vị, máy, đối tượng nào; nên nêu một máy, hoặc đơn vị kèm đối tượng, nếu không sẽ bị nhắc",
        "for which unit, asset and subject; a warning says so where it names no asset, nor unit and subject",
    ),
    "reason": Words("vì sao chấp nhận", "why the risk is accepted"),
    "author": Words("người viết", "who wrote it"),
    "approved_by": Words("người phê duyệt, khác người viết", "who approved it, not the author"),
    "created": Words("ngày viết", "the day on which it was written"),
    "expires": Words("ngày cuối, không quá 180 ngày", "its last day, at most 180 days later"),
}

MATCH: Final[Mapping[str, Words]] = {
    "unit": Words("mã đơn vị", "id of a unit"),
    "asset": Words("mã máy", "id of an asset"),
    "subject": Words("giá trị các trường khóa của đối tượng", "values of the subject's key fields"),
}

LANGUAGES: Final[Mapping[str, Words]] = {
    "vi": Words("tiếng Việt", "in Vietnamese"),
    "en": Words("tiếng Anh", "in English"),
}

SECTION: Final[Mapping[str, Words]] = {
    "section": Words("mục, trong dấu nháy", "the section, quoted"),
    "status": Words("đã được cơ quan có thẩm quyền xác nhận chưa", "whether an authority has confirmed it"),
}

STRUCTURE: Final[Mapping[str, Words]] = {
    "all": Words("mọi điều kiện trong danh sách đều đúng", "all of these hold"),
    "any": Words("ít nhất một điều kiện trong danh sách đúng", "at least one of these holds"),
    "not": Words("điều kiện này không đúng", "this does not hold"),
    "listed_in": Words(
        "khớp một mục của tham số kiểu predicates",
        "some entry of a parameter of type predicates holds",
    ),
    "until": Words(
        "ngày cuối mục này còn hiệu lực, theo giờ Việt Nam", "last day on which the entry holds, in Vietnam"
    ),
}

OPERATORS: Final[Mapping[str, Words]] = {
    "eq": Words("bằng", "equals"),
    "ne": Words("khác", "differs"),
    "in": Words("là một trong", "is one of"),
    "not_in": Words("không là giá trị nào trong", "is none of"),
    "lt": Words("nhỏ hơn", "is below"),
    "le": Words("nhỏ hơn hoặc bằng", "is at most"),
    "gt": Words("lớn hơn", "is above"),
    "ge": Words("lớn hơn hoặc bằng", "is at least"),
    "between": Words("trong khoảng, kể cả hai đầu", "lies between two values, both included"),
    "exists": Words(
        "đã xem và có (true) hay không có (false)",
        "was looked for and is there (true) or not (false)",
    ),
    "glob": Words("khớp mẫu có * ? [...]", "matches a pattern with * ? [...]"),
    "prefix": Words("bắt đầu bằng", "begins with"),
    "suffix": Words("kết thúc bằng", "ends with"),
    "cidr": Words("địa chỉ thuộc một trong các mạng", "is an address of one of these networks"),
    "version_lt": Words("phiên bản Debian cũ hơn", "is an older Debian version than"),
    "contains": Words("danh sách có phần tử này", "the list has this element"),
    "not": Words("không đạt các điều kiện này", "does not meet these"),
    "some": Words("ít nhất một phần tử đạt", "at least one element meets these"),
    "every": Words("mọi phần tử đều đạt", "every element meets these"),
}
