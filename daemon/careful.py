"""Careful: what the command line adds to how carefully the syncs of a configuration begin."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from actors.spec import SyncSpec
from daemon.config.settings import Config, Connection


class Care(Struct, frozen=True, kw_only=True):
    """What `tieline run` was told.

    Attributes:
        link_only: only match and link. canary: write so many records, then stop.
        require_plan: the first load stands under the limits.
    """

    link_only: bool = False
    canary: int | None = None
    require_plan: bool = False

    def applied(self, config: Config) -> Config:
        """Return the configuration with this care taken in every sync."""
        if self == Care():
            return config
        connections = {name: self._connection(one) for name, one in config.connections.items()}
        return msgspec.structs.replace(config, connections=connections)

    def _connection(self, connection: Connection) -> Connection:
        return msgspec.structs.replace(connection, syncs=tuple(map(self._spec, connection.syncs)))

    def _spec(self, spec: SyncSpec) -> SyncSpec:
        first = msgspec.structs.replace(
            spec.first_load,
            link_only=self.link_only or spec.first_load.link_only,
            canary=self.canary,
        )
        return msgspec.structs.replace(
            spec, first_load=first, require_plan=self.require_plan or spec.require_plan
        )
