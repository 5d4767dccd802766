"""What deserves a look although it is no error. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from actors.records import Side
from actors.schema import AppSchema
from actors.spec import Problem, SyncSpec


def advise_users(spec: SyncSpec, schemas: dict[Side, AppSchema]) -> Iterator[Problem]:
    """Warn of a mapped field that holds a person where an app shows us no people (F3, F16)."""
    for index, mapping in enumerate(spec.fields):
        for side in Side:
            schema = schemas[side].object(spec.object)
            name = mapping.left if side is Side.LEFT else mapping.right
            field = schema.field(name) if schema else None
            if field and field.target == "users" and not schemas[side].users:
                message = f"{spec.app(side)} shows no users, so nobody would be matched"
                advice = "give tieline the right to read them (HubSpot: crm.objects.owners.read)"
                yield Problem(path=("fields", index, side.value), message=f"{message}; {advice}")
