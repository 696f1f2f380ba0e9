"""Describe the commands about rules."""

from __future__ import annotations

from secmon.checks import CHECKS
from secmon.cli import convert
from secmon.cli.command import CONFIG, LANG, RULES, Command, Example, Option, Words
from secmon.cli.scan import ROLES, SEVERITIES

_PATHS = Option(
    ("paths",),
    Words(
        "tệp hoặc thư mục cần đọc; mặc định: những gì cấu hình nêu, nếu không có thì bộ đi kèm",
        "files or folders to read; default: what the configuration names, else the shipped set",
    ),
    metavar="PATH",
    many=True,
    completes="file",
    alternative="what to read",
)
_CONFIG = CONFIG._replace(alternative="what to read")
_FORMAT = Option(
    ("--format",),
    Words("table (mặc định) hoặc json", "table (the default) or json"),
    metavar="FORMAT",
    choices=("table", "json"),
    default="table",
)

CHECK = Command(
    name="rules check",
    summary=Words("kiểm tra các tệp quy tắc, báo mọi lỗi", "check files of rules, tell every fault"),
    description=Words(
        "Đọc các tệp quy tắc, hồ sơ, điều chỉnh và rủi ro đã chấp nhận; báo mọi lỗi của mọi tệp trong một "
        "lần chạy, mỗi lỗi một dòng: tệp:dòng:cột: khóa: sai gì; thế nào là đúng. Mã thoát 0 khi không có "
        "lỗi, 2 khi có. Rủi ro đã chấp nhận mà hết hạn hoặc quá rộng là cảnh báo, không đổi mã thoát. "
        "Bài kiểm thử của quy tắc thì chạy bằng `secmon rules test`.",
        "Read files of rules, profiles, overrides and waivers, and tell every fault of every file in one "
        "run, one a line: file:line:column: key: what is wrong; what would be right. Exits with 0 where "
        "there is none, else with 2. Waivers that are expired or too broad are warnings, which leave the "
        "exit code as it is. The tests of rules are run by `secmon rules test`.",
    ),
    options=(_PATHS, _CONFIG, _FORMAT, LANG),
    examples=(
        Example("secmon rules check", Words("kiểm tra bộ quy tắc đang dùng", "check the rules in use")),
        Example("secmon rules check ./rules", Words("kiểm tra một thư mục", "check a folder")),
        Example(
            "secmon rules check --format json site.yml",
            Words("cho trình soạn thảo", "for an editor"),
        ),
    ),
)
TEST = Command(
    name="rules test",
    summary=Words("chạy bài kiểm thử đi kèm quy tắc", "run the tests that travel with rules"),
    description=Words(
        "Chạy các bài kiểm thử ghi trong tệp quy tắc, nêu bài nào không đạt, kết quả mong đợi và kết quả "
        "nhận được. Mã thoát 0 khi tất cả đạt, 1 khi có bài không đạt, 2 khi tệp có lỗi.",
        "Run the tests that stand in files of rules, and say which failed, what was expected and what came. "
        "Exits with 0 where all passed, 1 where one failed, 2 where a file has faults.",
    ),
    options=(
        _PATHS,
        _CONFIG,
        Option(
            ("--rule",),
            Words("chỉ các quy tắc có mã khớp mẫu này", "only rules whose id matches this pattern"),
            metavar="GLOB",
            default="",
        ),
        Option(
            ("--require-tests",),
            Words(
                "coi là lỗi khi quy tắc thiếu bài đạt, không đạt hoặc chưa rõ; quy tắc `never` cần bài "
                "không áp dụng thay cho bài đạt",
                "fail a rule without a case for pass, fail and unknown; a rule with `never` needs "
                "not_applicable in place of pass",
            ),
        ),
        LANG,
    ),
    examples=(
        Example("secmon rules test", Words("kiểm thử bộ quy tắc đang dùng", "test the rules in use")),
        Example(
            'secmon rules test ./rules --rule "tls.*" --require-tests',
            Words("chỉ các quy tắc TLS, phải đủ bài", "TLS rules only, none without tests"),
        ),
    ),
)
LIST = Command(
    name="rules list",
    summary=Words("liệt kê quy tắc", "list rules"),
    description=Words(
        "Liệt kê quy tắc theo phép kiểm tra, mức độ, hồ sơ hoặc văn bản mà quy tắc viện dẫn.",
        "List rules by check, severity, profile, or the framework that they give evidence for.",
    ),
    options=(
        _PATHS,
        _CONFIG,
        Option(
            ("--check",),
            Words(
                f"chỉ của phép kiểm tra này: {', '.join(CHECKS)}", f"only of this check: {', '.join(CHECKS)}"
            ),
            metavar="CHECK",
            choices=CHECKS,
            default=None,
        ),
        Option(
            ("--severity",),
            Words(
                f"chỉ mức độ này: {', '.join(SEVERITIES)}", f"only of this severity: {', '.join(SEVERITIES)}"
            ),
            metavar="SEVERITY",
            choices=SEVERITIES,
            default=None,
        ),
        Option(
            ("--profile",),
            Words("chỉ những quy tắc mà hồ sơ này dùng", "only those that this profile uses"),
            metavar="PROFILE",
            default="",
        ),
        Option(
            ("--map",),
            Words(
                "chỉ những quy tắc viện dẫn văn bản này, hoặc mục này và các mục con của nó",
                "only those with this framework, or with this section of it and those below it",
            ),
            metavar="FRAMEWORK[:SECTION]",
            default="",
        ),
        _FORMAT,
        LANG,
    ),
    examples=(
        Example("secmon rules list", Words("mọi quy tắc đang dùng", "all rules in use")),
        Example(
            "secmon rules list --severity critical --map cis-8:4",
            Words("nghiêm trọng, thuộc CIS Controls v8 mục 4", "critical, of CIS Controls v8 section 4"),
        ),
    ),
)
EXPLAIN = Command(
    name="rules explain",
    summary=Words("giải thích một quy tắc trên một máy", "explain a rule on an asset"),
    description=Words(
        "Cho biết một quy tắc có áp dụng cho một máy không và vì sao, mức độ và từng tham số có giá trị "
        "nào, ai đặt giá trị đó và ở dòng nào: quy tắc, cấp độ, hồ sơ hay điều chỉnh.",
        "Tell whether a rule binds an asset and why, and for its severity and each parameter the value, who "
        "set it, and on which line: the rule, the level, a profile or an override.",
    ),
    options=(
        Option(("id",), Words("mã quy tắc", "id of the rule"), metavar="ID"),
        Option(
            ("--role",),
            Words(
                f"như thể máy có vai trò này: {', '.join(ROLES)}",
                f"as if it had this role: {', '.join(ROLES)}",
            ),
            metavar="ROLE",
            choices=ROLES,
            default=None,
        ),
        Option(
            ("--level",),
            Words("như thể máy có cấp độ này, 1 đến 5", "as if it had this level, 1 to 5"),
            metavar="N",
            convert=convert.level,
            default=0,
        ),
        Option(
            ("--unit",),
            Words("như thể máy thuộc đơn vị này", "as if it belonged to this unit"),
            metavar="UNIT",
            default="",
        ),
        Option(
            ("--asset",),
            Words(
                "máy trong cấu hình; mặc định: chính máy này",
                "asset of the configuration; default: this host",
            ),
            metavar="ASSET",
            default="",
        ),
        CONFIG,
        RULES,
        LANG,
    ),
    examples=(
        Example("secmon rules explain ports.telnet-exposed", Words("trên chính máy này", "on this host")),
        Example(
            "secmon rules explain tls.certificate-expiring --role database --level 4",
            Words("như thể là máy cơ sở dữ liệu cấp độ 4", "as if it were a database of level 4"),
        ),
    ),
)
SCHEMA = Command(
    name="rules schema",
    summary=Words("in JSON Schema của tệp quy tắc", "print the JSON Schema of files of rules"),
    description=Words(
        "In JSON Schema (2020-12) của tệp quy tắc, hồ sơ, điều chỉnh và rủi ro đã chấp nhận, để trình soạn "
        "thảo gợi ý và bắt lỗi khi gõ. Những gì lược đồ không diễn đạt được thì `secmon rules check` báo.",
        "Print the JSON Schema (2020-12) of files of rules, profiles, overrides and waivers, with which "
        "editors complete and check while you type. What a schema cannot express `secmon rules check` "
        "tells.",
    ),
    options=(),
    examples=(
        Example(
            "secmon rules schema > rules.schema.json",
            Words("lưu lược đồ thành tệp", "keep the schema in a file"),
        ),
    ),
)
