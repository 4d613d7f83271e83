"""Which memory is asked to be gathered in large pages, and that what it holds stays what it is."""

from __future__ import annotations

import os

from ansible_collections.lks.llm.plugins.plugin_utils import warm_pages

MAPS = """\
400000-800000 r-xp 00000000 fe:00 131 /usr/bin/python3.11
a00000-1000000 rw-p 00600000 fe:00 131 /usr/bin/python3.11
10ff000-1601000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000400000 rw-p 00000000 00:00 0
7f0000500000-7f00006ff000 rw-p 00000000 00:00 0
7f0000800000-7f0000c00000 ---p 00000000 00:00 0
7f0001000000-7f0001400000 rw-s 00000000 00:01 7 /dev/shm/shared
"""


def test_only_memory_of_its_own_in_whole_large_pages():
    assert list(warm_pages.own(MAPS.splitlines())) == [(0x1200000, 0x400000), (0x7F0000000000, 0x400000)]


def test_what_is_in_memory_stays_what_it_is_here_and_in_a_fork():
    data = os.urandom(8 << 20)
    kept = [bytes(data[at : at + 100]) for at in range(0, len(data), 1000)]
    warm_pages.gather()
    warm_pages.gather()
    assert kept == [data[at : at + 100] for at in range(0, len(data), 1000)]
    pid = os.fork()
    if pid == 0:
        kept.reverse()
        os._exit(0 if kept[::-1] == [data[at : at + 100] for at in range(0, len(data), 1000)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
