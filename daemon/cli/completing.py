"""Names for shell completion, out of the configuration; silent where it cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from daemon.config.settings import Config


def complete_app(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Offer the names of apps."""
    config = _config(ctx)
    return _starting(incomplete, config.apps if config is not None else ())


def complete_record(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the names of apps as the first of two words; record ids are not known here."""
    given = ctx.params.get(parameter.name or "")
    return [] if given else complete_app(ctx, parameter, incomplete)


def complete_sync(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Offer the names of syncs."""
    config = _config(ctx)
    names = [spec.name for spec in config.specs()] if config is not None else ()
    return _starting(incomplete, names)


def complete_target(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Offer the names of connections and of syncs."""
    config = _config(ctx)
    connections = config.connections if config is not None else ()
    return _starting(incomplete, connections) + complete_sync(ctx, parameter, incomplete)


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _config(ctx: click.Context) -> Config | None:
    from actors.errors import TielineError
    from daemon.cli.invocation import Invocation, find_config

    given = ctx.find_root().params.get("config")
    try:
        return Invocation(find_config(given)).load(follow=False)
    except TielineError:
        return None
