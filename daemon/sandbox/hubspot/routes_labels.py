"""Association labels: what types there are between two object types, and making new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.associations import shown_kind
from daemon.sandbox.hubspot.auth import Need
from daemon.sandbox.hubspot.calls import Call, Endpoint, Pool
from daemon.sandbox.hubspot.catalog import AssociationType
from daemon.sandbox.hubspot.wire import NO_CONTENT, Answer, Refusal, answer, invalid, not_found

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["routes"]

MAX_LABELS = 10
_FIRST_USER_TYPE = 1_001


class LabelBody(Struct, rename="camel"):
    """A label to make; with `inverse_label` it reads differently from the other side."""

    label: str
    name: str
    inverse_label: str | None = None


class LabelPatch(Struct, rename="camel"):
    """A label to rename."""

    association_type_id: int
    label: str
    inverse_label: str | None = None


def routes() -> list[Endpoint]:
    """The calls on labels."""
    area, path, pool = "associations", "/{a}/{b}/labels", Pool.ASSOCIATIONS
    return [
        Endpoint("GET", area, path, list_labels, Need.READ, pool),
        Endpoint("POST", area, path, create_label, Need.WRITE, pool, write=True),
        Endpoint("PUT", area, path, rename_label, Need.WRITE, pool, write=True),
        Endpoint("DELETE", area, f"{path}/{{type}}", delete_label, Need.WRITE, pool, write=True),
        Endpoint(
            "GET",
            area,
            "/definitions/configurations/{a}/{b}",
            list_configurations,
            Need.READ,
            pool,
        ),
    ]


def list_labels(call: Call) -> Answer:
    """All types between two object types."""
    kinds = call.account.links.kinds(call.table("a").name, call.table("b").name)
    return answer({"results": [shown_kind(kind) for kind in kinds]})


def list_configurations(call: Call) -> Answer:
    """Limits of how many records may hang on one: none are set."""
    return answer({"results": []})


def create_label(call: Call) -> Answer:
    """Make a label for both directions."""
    body, account = call.json(LabelBody), call.account
    left, right = call.table("a").name, call.table("b").name
    if account.links.unlabelled(left, right) is None:
        raise invalid(f"No association is possible between {left} and {right}")
    own = [kind for kind in account.links.kinds(left, right) if kind.category == "USER_DEFINED"]
    if len(own) >= MAX_LABELS:
        raise invalid(f"The limit of {MAX_LABELS} labels between these object types is reached")
    if any(kind.label == body.label for kind in account.links.kinds(left, right)):
        raise invalid(f"A label {body.label} already exists between these object types")
    made = _made(account, left, right, body)
    for kind in made:
        account.links.types[kind.type_id] = kind
    account.touch()
    return answer({"results": [shown_kind(kind) for kind in made]})


def _made(account: Account, left: str, right: str, body: LabelBody) -> list[AssociationType]:
    there = body.label
    back = body.inverse_label or body.label
    first = max(_FIRST_USER_TYPE, 1 + max(account.links.types))
    if left == right and there == back:
        return [_kind(left, right, first, there, first)]
    return [
        _kind(left, right, first, there, first + 1),
        _kind(right, left, first + 1, back, first),
    ]


def _kind(left: str, right: str, type_id: int, label: str, inverse: int) -> AssociationType:
    return AssociationType(
        from_object=left,
        to_object=right,
        type_id=type_id,
        category="USER_DEFINED",
        label=label,
        inverse_type_id=inverse,
    )


def _own(call: Call, type_id: int) -> AssociationType:
    kind = call.account.links.types.get(type_id)
    ends = (call.table("a").name, call.table("b").name)
    if kind is None or (kind.from_object, kind.to_object) != ends:
        raise not_found(f"No association type {type_id} exists between these object types")
    if kind.category != "USER_DEFINED":
        raise invalid("Association types defined by HubSpot cannot be changed")
    return kind


def rename_label(call: Call) -> Answer:
    """Give a label other words."""
    body, types = call.json(LabelPatch), call.account.links.types
    kind = _own(call, body.association_type_id)
    types[kind.type_id] = msgspec.structs.replace(kind, label=body.label)
    if body.inverse_label is not None:
        back = types[kind.inverse_type_id]
        types[back.type_id] = msgspec.structs.replace(back, label=body.inverse_label)
    call.account.touch()
    return NO_CONTENT


def delete_label(call: Call) -> Answer:
    """Remove a label from the account and from every pair that has it."""
    text = call.params["type"]
    if not text.isdigit():
        raise Refusal(400, "Unable to parse value for path parameter: associationTypeId")
    kind = _own(call, int(text))
    call.account.links.forget_type(kind)
    call.account.touch()
    return NO_CONTENT
