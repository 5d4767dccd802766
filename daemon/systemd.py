"""What systemd and the daemon tell each other: notifications, the watchdog, credentials.

Outside systemd every notification is a no-op, so nobody needs to ask where the process runs.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import anyio

# systemd reads its socket promptly; a full queue must not hold up the event loop for longer.
SEND_WITHIN = timedelta(seconds=1)


class Notifier:
    """Tells systemd how the service is; see sd_notify(3)."""

    def __init__(self, address: str | None) -> None:
        """Take the address of the notification socket; None or empty makes all calls no-ops."""
        self._address = address

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """Take the address from `NOTIFY_SOCKET`."""
        return cls(environment.get("NOTIFY_SOCKET"))

    def ready(self, status: str = "") -> bool:
        """Say that start-up or a reload is over (also when the reload was refused)."""
        return self._send("READY=1", *_status_line(status))

    def reloading(self) -> bool:
        """Say that a reload begins; `ready` must follow in a `finally`, or systemd waits."""
        # systemd compares the time with its own SIGHUP, so that it is not fooled by an old one.
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return self._send("RELOADING=1", f"MONOTONIC_USEC={microseconds}")

    def stopping(self, status: str = "") -> bool:
        """Say that the drain has begun."""
        return self._send("STOPPING=1", *_status_line(status))

    def status(self, status: str) -> bool:
        """Set the one line that `systemctl status` shows."""
        return self._send(*_status_line(status))

    def watchdog(self) -> bool:
        """Say that the work progresses."""
        return self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> bool:
        """Send one datagram; False outside systemd or if systemd does not take it."""
        if not self._address or not assignments:
            return False
        # A leading @ stands for the NUL of Linux's abstract socket names.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(SEND_WITHIN.total_seconds())
            try:
                channel.connect(address)
                channel.sendall("\n".join(assignments).encode())
            except OSError:
                # Nothing to gain by stopping a working sync; the watchdog and the start
                # time-out tell systemd in their way.
                return False
        return True


def _status_line(status: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(status.split())}",) if status else ()


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> timedelta | None:
    """Tell how often to call `Notifier.watchdog`: twice within the unit's `WatchdogSec=`.

    Returns:
        The interval, or None if no watchdog waits for this process.
    """
    limit = environment.get("WATCHDOG_USEC", "")
    for_pid = environment.get("WATCHDOG_PID", "") or str(os.getpid())
    if not limit.isdecimal() or int(limit) == 0 or for_pid != str(os.getpid()):
        return None
    return timedelta(microseconds=int(limit) / 2)


async def run_watchdog(
    notifier: Notifier, interval: timedelta, is_progressing: Callable[[], bool]
) -> None:
    """Ping until cancelled, as long as the work progresses.

    Runs on the event loop itself, so a loop that hangs is noticed too; when `is_progressing`
    stays false for the unit's `WatchdogSec=`, systemd kills and restarts the service.
    """
    while True:
        if is_progressing():
            notifier.watchdog()
        await anyio.sleep(interval.total_seconds())


def credentials_directory(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Name the folder with the unit's `LoadCredential=` files; None if there is none."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    return Path(directory) if directory else None
