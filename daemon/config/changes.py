"""What a reload has to touch: an old configuration against a new one. Pure."""

from __future__ import annotations

from msgspec import Struct

from daemon.config.settings import Config


class ConfigChanges(Struct, frozen=True, kw_only=True):
    """Connections by what became of them, each sorted by name.

    Attributes:
        changed: stop and start again; their syncs, pace or one of their apps differ.
        apps: apps whose options changed, that are new, or that are no longer there.
        needs_restart: settings of the process that a reload does not apply, for the log.
    """

    unchanged: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether a reload would touch nothing."""
        return not (self.changed or self.added or self.removed or self.apps)


def compare_configs(old: Config, new: Config) -> ConfigChanges:
    """Say what has to be started, stopped and left alone to get from `old` to `new`.

    A connection is changed if its own part differs or an app that it uses does (a rotated
    secret counts). Comments, order and the file that something stands in make no difference.
    """
    apps = {name for name in old.apps.keys() | new.apps.keys() if _app_differs(old, new, name)}
    both = old.connections.keys() & new.connections.keys()
    changed = {
        name
        for name in both
        if old.connections[name] != new.connections[name]
        or apps & {new.connections[name].left, new.connections[name].right}
    }
    return ConfigChanges(
        unchanged=tuple(sorted(both - changed)),
        changed=tuple(sorted(changed)),
        added=tuple(sorted(new.connections.keys() - both)),
        removed=tuple(sorted(old.connections.keys() - both)),
        apps=tuple(sorted(apps)),
        needs_restart=_process_settings(old, new),
    )


def _app_differs(old: Config, new: Config, name: str) -> bool:
    before, after = old.apps.get(name), new.apps.get(name)
    if before is None or after is None:
        return True
    return (before.type, before.options) != (after.type, after.options)


def _process_settings(old: Config, new: Config) -> tuple[str, ...]:
    before, after = old.daemon, new.daemon
    pairs = {
        "daemon.store": (before.store, after.store),
        "daemon.listen": ((before.host, before.port), (after.host, after.port)),
        "daemon.log": (
            (before.log_level, before.log_format),
            (after.log_level, after.log_format),
        ),
    }
    return tuple(name for name, (one, other) in pairs.items() if one != other)
