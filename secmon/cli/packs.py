"""Sign and verify packs: `secmon rules sign`, `secmon rules verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmon.cli.command import LANG, Bad, Command, Example, Option, Words, parse
from secmon.cli.output import destination, say, user_language

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from secmon.core.model import Json
    from secmon.core.texts import Lang

KINDS = ("rules", "waivers", "overrides")
"""The words of core.manifest.Use, whose module would slow `--help` down; a test holds the two equal."""

SIGN = Command(
    name="rules sign",
    summary=Words("ký một bộ quy tắc", "sign a pack of rules, waivers or overrides"),
    description=Words(
        "Ghi MANIFEST (tên, loại, số phiên bản, hạn dùng, sha256 của từng tệp) vào thư mục và ký bằng "
        "ssh-keygen. Khóa có thể nằm trong tệp, trong ssh-agent hoặc trong thiết bị FIDO.",
        "Write a MANIFEST (name, kind, serial, last day, sha256 of every file) into the folder and sign it "
        "with ssh-keygen. The key may be in a file, in an ssh-agent, or in a FIDO device.",
    ),
    options=(
        Option(
            ("paths",),
            Words("thư mục cần ký", "folder to sign"),
            metavar="PATH",
            many=True,
            completes="folder",
        ),
        Option(
            ("--key",),
            Words(
                "tệp khóa riêng, hoặc khóa công khai của khóa trong ssh-agent",
                "file of the private key, or of the public key of one in an ssh-agent",
            ),
            metavar="FILE",
            default="",
            completes="file",
        ),
        Option(
            ("--name",),
            Words("tên của bộ, giữ nguyên qua các phiên bản", "name of the pack, the same in every version"),
            metavar="NAME",
            default="",
        ),
        Option(
            ("--kind",),
            Words(f"nội dung: {', '.join(KINDS)}", f"what it holds: {', '.join(KINDS)}"),
            metavar="KIND",
            choices=KINDS,
        ),
        Option(
            ("--serial",),
            Words(
                "số phiên bản; bộ có số thấp hơn sẽ bị từ chối",
                "number of this version; once it is accepted, lower ones are refused",
            ),
            metavar="N",
            default="",
        ),
        Option(
            ("--expires",),
            Words("ngày cuối cùng còn hiệu lực, YYYY-MM-DD", "last day on which it is accepted, YYYY-MM-DD"),
            metavar="DATE",
            default="",
        ),
        LANG,
    ),
    examples=(
        Example(
            "secmon rules sign ./province --key ~/.ssh/id_ed25519 --name province-rules \\\n"
            "      --kind rules --serial 7 --expires 2027-12-31",
            Words("ký phiên bản 7 của bộ quy tắc cấp tỉnh", "sign version 7 of the province's rules"),
        ),
    ),
)
VERIFY = Command(
    name="rules verify",
    summary=Words("kiểm tra chữ ký của các bộ quy tắc", "verify the signatures of packs"),
    description=Words(
        "Cho biết từng bộ là gì và ai đã ký, hoặc vì sao bị từ chối. Thoát với mã 2 nếu có bộ bị từ chối. "
        "Số phiên bản được so với số cao nhất mà máy này từng chấp nhận ($STATE_DIRECTORY).",
        "Say what each pack is and who signed it, or why it is refused; exit with 2 if any is. Serials are "
        "compared with the highest ones that this host has accepted ($STATE_DIRECTORY).",
    ),
    options=(
        Option(
            ("paths",),
            Words("thư mục cần kiểm tra", "folders to verify"),
            metavar="PATH",
            many=True,
            completes="folder",
        ),
        Option(
            ("--allowed-signers",),
            Words(
                "tệp ghi ai được ký, xem ssh-keygen(1)",
                "file that says who may sign, see ssh-keygen(1)",
            ),
            metavar="FILE",
            default="",
            completes="file",
        ),
        Option(
            ("--principal",),
            Words(
                "người phải ký; mặc định: bất kỳ ai trong tệp", "who must have signed; default: anybody in it"
            ),
            metavar="NAME",
            default="",
        ),
        LANG,
    ),
    examples=(
        Example(
            "secmon rules verify ./province --allowed-signers /etc/secmon/allowed_signers",
            Words("kiểm tra trước khi cài", "verify before installing"),
        ),
    ),
)
COMMANDS = {SIGN.name: SIGN, VERIFY.name: VERIFY}
_SIGNED = Words(
    "Đã ký {kind} {name} {serial}: {files} tệp, sha256 {sha256}, đến hết {expires}, khóa {key}.",
    "Signed {kind} {name} {serial}: {files} files, sha256 {sha256}, until {expires}, key {key}.",
)
_GOOD = Words(
    "{path}: hợp lệ: {kind} {name} {serial}, {signers} ký, đến hết {expires}, {files} tệp, sha256 {sha256}",
    "{path}: good: {kind} {name} {serial}, signed by {signers}, until {expires}, {files} files, "
    "sha256 {sha256}",
)
_REFUSED = Words("{path}: bị từ chối", "{path}: refused")


def run(name: str, arguments: Sequence[str]) -> int:
    """Sign or verify packs.

    Args:
        name: `rules sign` or `rules verify`.
        arguments: what follows it.

    Returns:
        0, or 2 where a pack is refused.

    Raises:
        Bad: the arguments make no sense, or the pack cannot be signed.
    """
    values = parse(COMMANDS[name], arguments, user_language())
    if values is None:
        return 0
    return _sign(values) if name == SIGN.name else _verify(values)


def _sign(values: Namespace) -> int:
    from datetime import UTC, datetime

    from secmon.core.quantities import VIETNAM, parse_day
    from secmon.sources import signing

    missing = [f"--{key}" for key in ("key", "name", "kind", "serial", "expires") if not getattr(values, key)]
    if missing or len(values.paths) != 1:
        wanted = " and ".join([*missing, *(["one PATH"] if len(values.paths) != 1 else [])])
        raise Bad(f"secmon rules sign needs {wanted}; see secmon rules sign --help")
    if not (values.serial.isascii() and values.serial.isdigit()):
        raise Bad(f"--serial {values.serial}: give a whole number from 1")
    try:
        expires = parse_day(values.expires)
    except ValueError as error:
        raise Bad(f"--expires {values.expires}: {error}") from error
    today = datetime.now(UTC).astimezone(VIETNAM).date()
    (folder,) = values.paths
    try:
        content = signing.read_pack(folder, values.kind)
        manifest = signing.make(content, values.name, int(values.serial), today, expires)
        key = signing.sign(folder, values.key, manifest)
    except signing.CannotSign as error:
        raise Bad(f"{error}; nothing was signed") from error
    text = _SIGNED.of(user_language(values.lang)).format(
        kind=manifest.kind,
        name=manifest.name,
        serial=manifest.serial,
        files=len(manifest.files),
        sha256=signing.pack_digest(manifest),
        expires=manifest.expires,
        key=key,
    )
    print(text)
    return 0


def _verify(values: Namespace) -> int:
    from secmon import app
    from secmon.cli.invocation import environment, report_faults, told_plainly
    from secmon.core.plan import Invocation

    if not values.paths or not values.allowed_signers:
        raise Bad("secmon rules verify needs PATH and --allowed-signers FILE; see secmon rules verify --help")
    invocation = Invocation(
        VERIFY.name,
        rules=tuple(dict.fromkeys(values.paths)),
        allowed_signers=values.allowed_signers,
        principal=values.principal,
        environment=environment(),
    )
    with told_plainly():
        answer = app.verify_packs(invocation)
    if answer.value is None:
        return report_faults(answer.faults)
    for note in answer.value["notes"]:
        say(note)
    with destination("") as out:
        out.writelines(_lines(answer.value["packs"], user_language(values.lang)))
    return 2 if any(row["faults"] for row in answer.value["packs"]) else 0


def _lines(rows: Sequence[Json], lang: Lang) -> list[str]:
    from secmon.core.rule import Fault, Place
    from secmon.core.texts import escape

    lines: list[str] = []
    for row in rows:
        if row["signed"] is None:
            lines.append(_REFUSED.of(lang).format(path=escape(row["path"])))
            for fault in row["faults"]:
                place = Place(fault["file"], fault["line"], fault["column"])
                told = Fault(place, fault["key"], fault["message"], fault["advice"])
                lines.append(f"  {escape(str(told))}")
        else:
            signers = ", ".join(row["signed"]["principals"])
            told_good = _GOOD.of(lang).format(**row["signed"], **{**row, "signers": signers})
            lines.append(escape(told_good))
    return [f"{line}\n" for line in lines]
