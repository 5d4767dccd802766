"""The `associations` that a read of records carries along when asked.

The vendor lists an id once per type here, so a primary company appears twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from daemon.sandbox.hubspot.calls import Call
from daemon.sandbox.hubspot.catalog import AssociationType
from daemon.sandbox.hubspot.links import Side
from daemon.sandbox.hubspot.render import Wire
from daemon.sandbox.hubspot.table import Record

if TYPE_CHECKING:
    from daemon.sandbox.hubspot.account import Account

__all__ = ["inline_associations", "type_words", "word_of"]

INLINE_TOP = 100


def inline_associations(call: Call, shown: Wire, record: Record, words: list[str]) -> Wire:
    """Add a record's associations with the named types to what is shown of it.

    Raises:
        Refusal: 400 for a word that is no object type.
    """
    if not words:
        return shown
    side = (call.table().name, record.id)
    found = {}
    for word in words:
        right = call.account.table(word).name
        entries = type_words(call.account, side, right)
        if entries:
            found[right] = _page(call, side, right, entries)
    if found:
        shown["associations"] = found
    return shown


def type_words(account: Account, side: Side, right: str) -> list[dict[str, str]]:
    """Every association as `{id, type}`, an id once per type, by ascending id."""
    targets = account.links.targets(side, right)
    return [
        {"id": str(target), "type": word_of(account, account.links.types[type_id])}
        for target in sorted(targets)
        for type_id in targets[target]
    ]


def word_of(account: Account, kind: AssociationType) -> str:
    """A type as a word: `deal_to_company` is the primary one, `..._unlabeled` the plain one."""
    left = account.tables[kind.from_object].schema.type.singular
    right = account.tables[kind.to_object].schema.type.singular
    pair = f"{left}_to_{right}"
    if kind.label is None:
        kinds = account.links.kinds(kind.from_object, kind.to_object)
        labelled = any(other.label == "Primary" for other in kinds)
        return f"{pair}_unlabeled" if labelled else pair
    if kind.label == "Primary":
        return pair
    return re.sub(r"[^a-z0-9]+", "_", kind.label.lower()).strip("_")


def _page(call: Call, side: Side, right: str, entries: list[dict[str, str]]) -> Wire:
    page: Wire = {"results": entries[:INLINE_TOP]}
    if len(entries) > INLINE_TOP:
        after = entries[INLINE_TOP - 1]["id"]
        link = (
            f"{call.origin}/crm/v3/objects/{side[0]}/{side[1]}/associations/{right}?after={after}"
        )
        page["paging"] = {"next": {"after": after, "link": link}}
    return page
