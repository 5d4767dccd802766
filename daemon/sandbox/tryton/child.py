"""Become a Tryton program that ends together with the process that started it.

Run by path: `python -P child.py PARENT_PID MODULE ARGUMENT...`. It imports nothing of tieline.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def end_with_parent(parent_pid: int) -> None:
    """Have the kernel end this process when its parent dies, by whatever death (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # The parent may have died before the line above.
    if os.getppid() != parent_pid:
        sys.exit(0)


def main() -> None:
    """Tie this process to its parent and run the module named on the command line."""
    end_with_parent(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
