"""Rows of the store's tables to and from the actors' Structs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

import msgspec

from actors.intents import Intent
from actors.links import Change, Conflict, End, Link, Seen, Status
from actors.orders import AnyOrder, Asked
from actors.records import Side
from actors.values import Raw
from daemon.store.database import Row

_pack = msgspec.msgpack.Encoder().encode
_unpack_end = msgspec.msgpack.Decoder(End).decode
_unpack_intent = msgspec.msgpack.Decoder(Intent).decode
_unpack_order: Callable[[bytes], AnyOrder] = msgspec.msgpack.Decoder(AnyOrder).decode
_unpack_raws = msgspec.msgpack.Decoder(tuple[Raw, ...]).decode
_pack_json = msgspec.json.Encoder().encode

# Keys of an `End` as they stand in its msgpack.
_SEEN = b"\xa4seen"
_GONE = b"\xa4gone"


def json_array(ids: Iterable[str] | Iterable[int]) -> str:
    """Write ids as the argument of a json_each, ascending, each once."""
    return _pack_json(sorted(set(ids))).decode()


def link_row(link: Link) -> Row:
    """Return a link as the parameters of `insert_links`, `update_links` and `move_links`."""
    left, right = link.left, link.right
    return (
        link.id,
        link.sync,
        left and left.id,
        left and _pack(left),
        right and right.id,
        right and _pack(right),
        link.status.value,
        link.reason,
        link.due_us,
        link.attempts,
        link.recover,
    )


def key_rows(link: Link) -> list[Row]:
    """Return a link's match keys as the parameters of `write_keys` and `drop_keys`."""
    ends = ((side, link.end(side)) for side in Side)
    return [
        (link.sync, side.value, key, link.id)
        for side, end in ends
        for key in dict.fromkeys(end.keys if end is not None else ())
    ]


def to_link(row: Row) -> Link:
    """Read a link from the first nine columns of `load_left` and its like."""
    key, sync, left, right, status, reason, due_us, attempts, recover = row[:9]
    return Link(
        id=key,
        sync=sync,
        left=None if left is None else _unpack_end(left),
        right=None if right is None else _unpack_end(right),
        status=Status(status),
        reason=reason,
        due_us=due_us,
        attempts=attempts,
        recover=bool(recover),
    )


def holds(end: bytes, seen: Seen) -> bool:
    """Tell whether a stored end has just this as its last snapshot, and has not departed.

    Compares bytes: decoding costs several times as much. No text in the end can pass for the
    snapshot: an array of four comes behind no text but a key. One that passes for a departure
    only has the end decoded.
    """
    return _SEEN + _pack(seen) in end and _GONE not in end


def intent_row(intent: Intent) -> Row:
    """Return an intent as the parameters of `write_intents`."""
    return (intent.id, intent.sync, intent.link, intent.attempts, _pack(intent))


def to_intent(row: Row) -> Intent:
    """Read an intent from its body, the first column."""
    return _unpack_intent(row[0])


def order_row(sync: str, order: AnyOrder, by: str, at_us: int) -> Row:
    """Return an order as the parameters of `add_order`."""
    return (sync, _pack(order), by, at_us)


def to_asked(row: Row) -> Asked:
    """Read an order from a row of `load_orders` and its like."""
    key, sync, body, by, at_us = row
    return Asked(id=key, sync=sync, order=_unpack_order(body), by=by, at_us=at_us)


def conflict_row(conflict: Conflict) -> Row:
    """Return a conflict as the parameters of `write_conflicts`."""
    left, right = _pack(conflict.left), _pack(conflict.right)
    times = (conflict.left_us, conflict.right_us)
    identity = _pack((conflict.sync, conflict.link, conflict.unit, left, right, *times))
    return (
        conflict.sync,
        conflict.link,
        blake2b(identity, digest_size=16).digest(),
        conflict.unit,
        left,
        right,
        *times,
        conflict.rule,
        conflict.winner and conflict.winner.value,
        conflict.uncertain,
        conflict.outcome,
        conflict.at_us,
    )


def to_conflict(row: Row) -> Conflict:
    """Read a conflict from a row of `load_conflicts` and its like."""
    sync, link, unit, left, right, left_us, right_us, rule, winner, uncertain, outcome, at_us, _ = (
        row
    )
    return Conflict(
        sync=sync,
        link=link,
        unit=unit,
        left=_unpack_raws(left),
        right=_unpack_raws(right),
        left_us=left_us,
        right_us=right_us,
        rule=rule,
        winner=None if winner is None else Side(winner),
        uncertain=bool(uncertain),
        outcome=outcome,
        at_us=at_us,
    )


def change_row(change: Change) -> Row:
    """Return a line of history as the parameters of `add_history`."""
    return (
        change.sync,
        change.link,
        change.side.value,
        change.record_id,
        change.unit,
        change.rule,
        _pack(change.before),
        _pack(change.after),
        change.at_us,
        change.lost,
    )


def to_change(row: Row) -> Change:
    """Read a line of history from a row of `link_history` and its like."""
    sync, link, side, record_id, unit, rule, before, after, at_us, lost, _ = row
    return Change(
        sync=sync,
        link=link,
        side=Side(side),
        record_id=record_id,
        unit=unit,
        rule=rule,
        before=_unpack_raws(before),
        after=_unpack_raws(after),
        at_us=at_us,
        lost=bool(lost),
    )
