# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Memory in large pages, before a process is forked hundreds of times.

A fork copies an entry for each page of memory, and the end of a process takes each away: with pages of 4 KiB that is most of what a fork
costs. Linux 6.1 and newer gather what lies in small pages in pages of 2 MiB when they are asked to. Where they are not there, nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Iterator
from pathlib import Path

LARGE = 2 << 20
COLLAPSE = 25  # MADV_COLLAPSE: https://man7.org/linux/man-pages/man2/madvise.2.html


def own(maps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Address and length of what a process has for itself and may write to, in whole large pages, by the lines of its /proc/PID/maps."""
    for line in maps:
        addresses, permissions, *dummy, inode = line.split()[:5]
        if permissions != "rw-p" or inode != "0":
            continue
        first, last = (int(address, 16) for address in addresses.split("-"))
        first, last = -(-first // LARGE) * LARGE, last // LARGE * LARGE
        if last > first:
            yield first, last - first


def gather() -> None:
    """Gathers this process's memory in large pages, where that can be done."""
    with contextlib.suppress(OSError, AttributeError):
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for address, length in own(Path("/proc/self/maps").read_text().splitlines()):
            madvise(address, length, COLLAPSE)
