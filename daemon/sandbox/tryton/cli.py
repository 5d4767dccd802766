"""The command `tieline sandbox tryton`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

import click
import msgspec

from daemon.sandbox.tryton.deals import add_deals
from daemon.sandbox.tryton.people import add_people
from daemon.sandbox.tryton.server import TrytonInfo, serve_tryton
from daemon.sandbox.tryton.template import TrytonError


class ListenAddress(click.ParamType[tuple[str, int]]):
    """`HOST:PORT`."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Split the address."""
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, like 127.0.0.1:8000", param, ctx)
        return host, int(port)


@click.command()
@click.option(
    "--listen",
    type=ListenAddress(),
    default="127.0.0.1:0",
    show_default=True,
    help="Loopback address to serve on; port 0 takes a free one.",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the database, kept at the end. Default: a temporary folder.",
)
@click.option(
    "--deals",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Deals to add to a new database.",
)
@click.option(
    "--contacts",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="Persons to add to a new database.",
)
@click.option(
    "--companies",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Organisations to add to a new database; contacts work there, deals are theirs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once it serves.")
def tryton(
    listen: tuple[str, int],
    work: Path | None,
    deals: int,
    contacts: int,
    companies: int,
    as_json: bool,
) -> None:
    """Serve a real Tryton server with made-up data, until SIGTERM or Ctrl-C.

    The first start prepares a database, which takes about half a minute; later starts take
    about a second.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with serve_tryton(*listen, work=work, say=_say) as serving:
            if serving.is_fresh:
                add_people(serving.info, contacts=contacts, companies=companies)
                add_deals(serving.info, deals)
            click.echo(_render(serving.info, as_json))
            status = serving.process.wait()
            raise TrytonError(f"the Tryton server ended by itself (status {status})")
    except TrytonError as error:
        raise click.ClickException(str(error)) from error


def _stop(signum: int, frame: FrameType | None) -> None:
    # A second signal must not cut the tidying up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(0)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _render(info: TrytonInfo, as_json: bool) -> str:
    if as_json:
        return msgspec.json.encode(info).decode()
    return (
        f"Tryton serves database {info.database} at {info.url}\n"
        f"  sync user:     {info.user} / {info.password}\n"
        f"  administrator: {info.admin_user} / {info.admin_password}\n"
        f"Stop it with Ctrl-C or: kill {info.pid}"
    )
