"""HubSpot's properties for what most apps have, by the words that connectors share (F14)."""

from __future__ import annotations

from collections.abc import Mapping

COMMON: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "deals": {
        "name": ("dealname",),
        "amount": ("amount",),
        "close": ("closedate",),
        "owner": ("hubspot_owner_id",),
        "notes": ("description",),
    },
    "contacts": {
        "name": ("firstname", "lastname"),
        "email": ("email",),
        "phone": ("phone",),
        "mobile": ("mobilephone",),
        "website": ("website",),
        "street": ("address",),
        "city": ("city",),
        "postal_code": ("zip",),
    },
    "companies": {
        "name": ("name",),
        "phone": ("phone",),
        "website": ("website",),
        "street": ("address",),
        "city": ("city",),
        "postal_code": ("zip",),
    },
}
