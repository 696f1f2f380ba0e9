"""Finding this process' own children, both ways."""

from __future__ import annotations

import os

from secmon.agent.processes import OwnChildren, children_of, ended, kill_group


def test_both_ways_find_the_same_children():
    reader, writer = os.pipe()
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        pids.append(pid)
    kin = OwnChildren()
    assert set(pids) <= set(kin.pids())
    assert sorted(kin.pids()) == sorted(children_of(os.getpid()))
    assert ended(pids[0]) is None
    for pid in pids:
        kill_group(pid)
        assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert not set(pids) & set(kin.pids())
    kill_group(pids[0])  # of one that is gone: nothing
    os.close(reader)
    os.close(writer)
    os.close(kin._list)
