"""Tryton's fields for what most apps have, by the words that connectors share (F14).

Countries are left out: an installation knows none until somebody imports them.
"""

from __future__ import annotations

from collections.abc import Mapping

_PARTY = {
    "name": ("name",),
    "email": ("email",),
    "phone": ("phone",),
    "mobile": ("mobile",),
    "website": ("website",),
    "street": ("street",),
    "city": ("city",),
    "postal_code": ("postal_code",),
}

COMMON: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "deals": {
        "name": ("description",),
        "amount": ("amount",),
        "close": ("end_date",),
        "owner": ("employee",),
        "notes": ("comment",),
    },
    "contacts": _PARTY,
    "companies": _PARTY,
}
