"""Look at the packages of this host or of a root: dpkg's database and apt's lists, read directly."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from secmon.checks.patches.dpkg import parse_status
from secmon.checks.patches.facts import HostView, host_fact, update_facts
from secmon.checks.patches.kernel import Kernel, installed_images, judge_at_rest, judge_running
from secmon.checks.patches.probe import settings
from secmon.checks.patches.probe.clock import load_libc, time_synchronised
from secmon.checks.patches.probe.handles import Handles, RootHandles, open_target
from secmon.checks.patches.probe.indexes import load_lz4
from secmon.checks.patches.probe.updates import read_updates
from secmon.core.contract import Unavailable
from secmon.core.model import Completeness, Form, Reason

if TYPE_CHECKING:
    from secmon.checks.patches.dpkg import Installed
    from secmon.core.contract import Emit, Task

_STATUS_LIMIT: Final = 64 << 20


def acquire(task: Task) -> Handles:
    """Open the files of every target; what cannot be opened is remembered with its reason.

    Args:
        task: targets of form LOCAL or ROOT.
    """
    roots = tuple(open_target(target) for target in task.targets)
    return Handles(task, roots, load_lz4(), load_libc())


def observe(handles: Handles, emit: Emit) -> None:
    """Read and tell each root in turn.

    The canary is the package manager's own package: where a database was read in which dpkg is not installed,
    it is the reading that fails. Where no database could be read at all nothing is said of it.

    Args:
        handles: as `acquire` gives them.
        emit: where it is told.
    """
    for done, root in enumerate(handles.roots):
        emit.begin(root.target)
        try:
            _observe_root(handles, root, emit)
        except Unavailable as why:
            looked = {"host": why.reason, "update": why.reason}
            emit.end(root.target, looked, Completeness.FAILED, why.reason, why.detail)
        emit.progress(done + 1, len(handles.roots))


def _observe_root(handles: Handles, root: RootHandles, emit: Emit) -> None:
    installed = root.status.parse(lambda data: parse_status([data]), _STATUS_LIMIT)
    if not installed.native:
        why = Unavailable(Reason.BAD_DATA, f"{root.status.path} does not have dpkg itself among its packages")
        emit.canary(why.reason, why.detail)
        raise why
    emit.canary(None)
    view = _view(handles, root, installed)
    emit.facts(root.target, [host_fact(view), *update_facts(view.updates.updates)])
    reason = view.updates.reason
    completeness = Completeness.OK if reason is None else Completeness.PARTIAL
    emit.end(root.target, {"host": None, "update": reason}, completeness, reason, view.updates.detail)


def _view(handles: Handles, root: RootHandles, installed: Installed) -> HostView:
    local = root.target.form is Form.LOCAL
    options = settings.read_apt_options(root)
    system = settings.read_os_release(root)
    return HostView(
        os=system,
        eol=settings.read_eol(root, system),
        kernel=_kernel(installed, local=local),
        reboot_flag=root.reboot_flag,
        updates=read_updates(handles, root, installed, options),
        auto_updates=settings.auto_updates(root, installed, options),
        time_synchronised=time_synchronised(handles.libc) if local else Reason.NO_DATA,
        package_count=len(installed.packages),
    )


def _kernel(installed: Installed, *, local: bool) -> Kernel:
    images = installed_images(installed)
    if not local:
        return judge_at_rest(images)
    name = os.uname()
    return judge_running(images, name.release, name.version)
