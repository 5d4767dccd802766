"""The command that starts the sandbox."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import click

from daemon.sandbox.hubspot.server import SandboxError, main

__all__ = ["hubspot"]

_COUNT = click.IntRange(min=0)


@click.command("hubspot")
@click.option(
    "--listen",
    default="127.0.0.1:0",
    show_default=True,
    metavar="HOST:PORT",
    help="Address of the API; port 0 takes a free one.",
)
@click.option(
    "--token",
    "tokens",
    multiple=True,
    metavar="TOKEN",
    help="An access token it accepts; may be given again. One is made up otherwise.",
)
@click.option(
    "--scopes",
    default=None,
    metavar="LIST",
    help="Scopes of the tokens, with commas. All of them otherwise.",
)
@click.option("--deals", type=_COUNT, default=100, show_default=True, help="Deals to make up.")
@click.option(
    "--contacts",
    type=_COUNT,
    default=None,
    help="Contacts to make up. In proportion to the deals otherwise.",
)
@click.option(
    "--companies",
    type=_COUNT,
    default=None,
    help="Companies to make up. In proportion to the deals otherwise.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="The same seed makes the same data."
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Load the account from this file if it is there, and keep it there.",
)
@click.option(
    "--lag",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="Seconds until search finds a write.",
)
@click.option(
    "--api-limit",
    type=_COUNT,
    default=190,
    show_default=True,
    help="Calls per ten seconds and token; 0 lifts all rate limits but the daily one.",
)
@click.option(
    "--daily-limit",
    type=_COUNT,
    default=625_000,
    show_default=True,
    help="Calls per day; 0 is unlimited.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one line of JSON with url, token and control_url once it serves.",
)
def hubspot(
    listen: str,
    tokens: tuple[str, ...],
    scopes: str | None,
    deals: int,
    contacts: int | None,
    companies: int | None,
    seed: int,
    state: Path | None,
    lag: float,
    api_limit: int,
    daily_limit: int,
    as_json: bool,
) -> None:
    """Run a local HubSpot CRM, as strict as the vendor's, to try tieline against."""
    granted = None if scopes is None else frozenset(one for one in scopes.split(",") if one)
    try:
        code = main(
            listen=listen,
            token=tokens or (f"pat-na1-{uuid.uuid4()}",),
            deals=deals,
            seed=seed,
            state=state,
            lag=lag,
            json=as_json,
            scopes=granted,
            contacts=contacts,
            companies=companies,
            api_limit=api_limit,
            daily_limit=daily_limit,
        )
    except SandboxError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(code)
