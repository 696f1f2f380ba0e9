"""Open what protects the metrics page in the configuration child, and look at it without privilege.

The web configuration file names further files, so it is read where secmon.yml is. Certificates and keys are
only opened there. What is in them never leaves the child: the core opens them itself
(docs/adr/0014-the-page-under-tls.md).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from secmon.core.contract import Unavailable
from secmon.core.rule import Fault, Place
from secmon.core.web import CREDENTIALS
from secmon.core.webfile import WebFile, check_exposure, read_web
from secmon.sources import yaml
from secmon.sources.files import open_regular, read_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from secmon.core.configuration import Configuration, PathSetting
    from secmon.core.plan import Listen
    from secmon.sources.keypair import Problem

_SIZE_LIMIT: Final = 1 << 20  # bytes of a file of certificates
_RELATIVE: Final = "a path is relative to the file in which it stands; secmon.service wants LoadCredential="
_SYSTEM_CREDENTIALS: Final = "/run/credentials/"  # those of system services, as root finds them


@dataclass(frozen=True, slots=True)
class OpenWeb:
    """What is open and not read yet.

    Attributes:
        file: the web configuration file.
        opened: path -> descriptor of certificate, key and authorities.
        keypair: secmon.sources.keypair, which can no longer be imported once privileges are dropped.
    """

    file: WebFile
    opened: Mapping[str, int]
    keypair: ModuleType | None


def open_web(
    configuration: Configuration, environment: Mapping[str, str], faults: list[Fault]
) -> OpenWeb | None:
    """Read the web configuration file, and open what it names.

    Args:
        configuration: names it.
        environment: `CREDENTIALS_DIRECTORY`.
        faults: where it tells what is wrong with them.

    Returns:
        What was opened, None where there is no such file.
    """
    setting = configuration.web_config
    if setting is None:
        return None
    credentials = environment.get(CREDENTIALS, "")
    file = _read_file(setting, credentials, faults)
    if file is None:
        return None
    faults += check_exposure(configuration.listen, file.web, setting)
    if file.web.tls is None:
        return OpenWeb(file, {}, None)
    from secmon.sources import keypair  # cryptography takes 0.1 s: only where it is used

    named = (file.certificate, file.key, file.client_ca)
    opened = {item.path: _open(item, faults) for item in named if item is not None}
    if file.key is not None and opened[file.key.path] >= 0:
        faults += _check_mode(file.key, opened[file.key.path], credentials)
    return OpenWeb(file, opened, keypair)


def _read_file(setting: PathSetting, credentials: str, faults: list[Fault]) -> WebFile | None:
    path = setting.path
    try:
        fd = open_regular(path)
        mode = os.fstat(fd).st_mode
        data = read_all(fd, yaml.SIZE_LIMIT, path)
    except Unavailable as error:
        faults.append(
            Fault(
                setting.place,
                setting.key,
                error.detail,
                _how_to_reach(path, "docs/province.md has an example"),
            )
        )
        return None
    top = Place(path, 1, 1)
    if mode & stat.S_IWOTH:
        faults.append(Fault(top, "", "everybody may write this file", f"chmod o-w {path}"))
        return None
    document = yaml.read(data, path)
    faults += document.faults
    if not document.readable:
        return None
    file, found = read_web(document.value, data, path)
    faults += found
    if file.web.users and mode & stat.S_IRWXO and not _is_credential(path, credentials):
        message = "everybody may read the password hashes in it, and guess at leisure"
        faults.append(Fault(top, "basic_auth_users", message, f"chmod o= {path}"))
    return file


def _open(setting: PathSetting, faults: list[Fault]) -> int:
    try:
        return open_regular(setting.path)
    except Unavailable as error:
        faults.append(Fault(setting.place, setting.key, error.detail, _how_to_reach(setting.path, _RELATIVE)))
        return -1


def _how_to_reach(path: str, otherwise: str) -> str:
    if path.startswith(_SYSTEM_CREDENTIALS):
        return "systemd makes it while the unit runs, from LoadCredential="
    return otherwise


def _is_credential(path: str, credentials: str) -> bool:
    own = f"{credentials.rstrip('/')}/" if credentials else _SYSTEM_CREDENTIALS
    return path.startswith((own, _SYSTEM_CREDENTIALS))


def _check_mode(key: PathSetting, fd: int, credentials: str) -> Iterable[Fault]:
    """Tell of a key that others may read; a credential shows its access list in the mode of its group."""
    mode = stat.S_IMODE(os.fstat(fd).st_mode)
    others = stat.S_IRWXO if _is_credential(key.path, credentials) else stat.S_IRWXG | stat.S_IRWXO
    if mode & others:
        message = f"the key {key.path} has mode {mode:04o}: others than its owner get at it"
        yield Fault(key.place, key.key, message, f"chmod 600 {key.path}")


def check_web(opened: OpenWeb | None, now: float) -> list[Fault]:
    """Read certificates and key, and tell what is wrong with them.

    Args:
        opened: what `open_web` returned.
        now: Unix seconds.

    Returns:
        Faults, and warnings of what can be served with all the same.
    """
    faults: list[Fault] = []
    if opened is None or opened.keypair is None:
        return faults
    data = {path: _read(path, fd, faults) for path, fd in opened.opened.items() if fd >= 0}
    certificate, key, ca = opened.file.certificate, opened.file.key, opened.file.client_ca
    look = opened.keypair
    if certificate is not None and certificate.path in data:
        _tell(certificate, look.check_server(data[certificate.path], now), faults)
        if key is not None and key.path in data:
            _tell(key, look.check_key(data[key.path], data[certificate.path]), faults)
    if ca is not None and ca.path in data:
        _tell(ca, look.check_authorities(data[ca.path], now), faults)
    return faults


def _read(path: str, fd: int, faults: list[Fault]) -> bytes:
    try:
        return read_all(fd, _SIZE_LIMIT, path)
    except Unavailable as error:
        faults.append(Fault(Place(path, 1, 1), "", error.detail))
        return b""


def _tell(setting: PathSetting, problems: Iterable[Problem], faults: list[Fault]) -> None:
    for problem in problems:
        message = f"{setting.path}: {problem.message}"
        faults.append(Fault(setting.place, setting.key, message, problem.advice, warning=problem.warning))


def protected(listen: Listen, opened: OpenWeb | None) -> Listen:
    """Return where the page is served with what protects it.

    Args:
        listen: as secmon.yml has it.
        opened: the web configuration file, None where there is none.

    Returns:
        The same, which is no longer insecure where the file does protect it.
    """
    if opened is None:
        return listen
    web = opened.file.web
    return replace(listen, web=web, insecure=listen.insecure and not web.protects)
