"""What `resolve`, `retry` and `resync` share: leaving an order and waiting for its end."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click
from msgspec import Struct

from daemon.cli.exits import Exit
from daemon.cli.reading import ask_store
from daemon.cli.render import Line, Tone, show

if TYPE_CHECKING:
    from actors.orders import AnyOrder
    from daemon.config.settings import Config
    from daemon.store.asking import Desk
    from daemon.store.reading import Reader

T = TypeVar("T")

LATER = "noted; no daemon runs now: it is done when `tieline run` does"

wait_option = click.option(
    "--wait",
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the daemon to do it; 0 does not wait.",
)
"""For every command that gives an order."""


class OrderAnswer(Struct, frozen=True, kw_only=True):
    """What became of an order.

    Attributes:
        state: `done`, `refused`, or `waiting` if it is still to be carried out.
        outcome: in words.
    """

    order: int
    sync: str
    state: str
    outcome: str


class Orders:
    """Gives orders to whoever runs, or will run, the syncs of a configuration."""

    def __init__(self, config: Config, wait: float) -> None:
        self._config = config
        self._until = time.monotonic() + wait

    def give(self, sync: str, order: AnyOrder) -> OrderAnswer:
        """Leave an order and wait until it is carried out, if a daemon runs."""
        number = at_desk(self._config, lambda desk: desk.give(sync, order, whoami(), now_us()))
        end = self.wait_for(lambda reader: reader.find_order(number))
        if end is None:
            return OrderAnswer(order=number, sync=sync, state="waiting", outcome=self._waiting())
        state = "refused" if end.refused else "done"
        return OrderAnswer(order=number, sync=sync, state=state, outcome=end.outcome)

    def _waiting(self) -> str:
        from daemon.cli.status import ask_daemon

        if ask_daemon(self._config.daemon).running:
            return "noted; the daemon has not done it yet (is it paused?): see `tieline status`"
        return LATER

    def wait_for(self, question: Callable[[Reader], Awaitable[T | None]]) -> T | None:
        """Ask the store until there is an answer, the time is over or no daemon runs."""
        from daemon.cli.status import ask_daemon

        is_running = ask_daemon(self._config.daemon).running
        while True:
            answer = ask_store(self._config.daemon.store, question)
            if answer is not None or not is_running or time.monotonic() > self._until:
                return answer
            time.sleep(0.2)


def at_desk(config: Config, what: Callable[[Desk], Awaitable[T]]) -> T:
    """Open the store for leaving something in it, beside a daemon or without one."""
    import anyio

    from daemon.store.asking import open_desk

    async def leave() -> T:
        async with open_desk(config.daemon.store) as desk:
            return await what(desk)

    return anyio.run(leave, backend="asyncio")


def whoami() -> str:
    """Return the name of the person at the keyboard, for the record."""
    import pwd

    name = os.environ.get("SUDO_USER")
    if name:
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def now_us() -> int:
    """Return our wall clock, microseconds UTC."""
    return time.time_ns() // 1000


def show_order(ctx: click.Context, answer: OrderAnswer, *, as_json: bool) -> None:
    """Tell what became of an order, and leave with the exit code that says the same."""
    tones = {"done": Tone.GOOD, "refused": Tone.BAD}
    lines = [Line(answer.outcome, tones.get(answer.state, Tone.WARNING))]
    show(answer, lines, as_json=as_json)
    ctx.exit(Exit.PROBLEM if answer.state == "refused" else Exit.OK)
