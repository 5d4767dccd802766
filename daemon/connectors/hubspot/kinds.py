"""What differs between HubSpot's object types: one row each, so that a further one is an entry."""

from __future__ import annotations

from msgspec import Struct

KEY_PROPERTY = "tieline_key"
MERGED_PROPERTY = "hs_merged_object_ids"
MORE_EMAILS = "hs_additional_emails"
OWNER_PROPERTY = "hubspot_owner_id"


class ObjectKind(Struct, frozen=True, kw_only=True):
    """One object type.

    Attributes:
        name: tieline's word, which is also the word in HubSpot's paths.
        native: the word in HubSpot's messages and on its pages.
        modified: the property that holds the time of the last change.
        group: the property group that tieline's own property is put in.
        email: the property that is an e-mail address although its type says text.
        required: properties that cannot be emptied.
        plural: the vendor's word for several.
        links: the types whose links to this one are fields of this one.
        shows: the types whose links to this one HubSpot counts as changes of this one only.
        primary: by such a type, HubSpot's number for the primary one of several.
    """

    name: str
    native: str
    modified: str
    group: str
    email: str | None = None
    required: tuple[str, ...] = ()
    plural: str = ""
    links: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    primary: dict[str, int] = {}
    pipeline: str | None = None
    stage: str | None = None
    amount: str | None = None
    currency: str | None = None

    @property
    def own_properties(self) -> tuple[str, ...]:
        """What every read asks for beside the mapped properties."""
        return (self.modified, MERGED_PROPERTY, KEY_PROPERTY)


DEALS = ObjectKind(
    name="deals",
    native="deal",
    modified="hs_lastmodifieddate",
    group="dealinformation",
    plural="deals",
    links=("contacts", "companies"),
    primary={"companies": 5},
    required=("pipeline", "dealstage"),
    pipeline="pipeline",
    stage="dealstage",
    amount="amount",
    currency="deal_currency_code",
)
CONTACTS = ObjectKind(
    name="contacts",
    native="contact",
    modified="lastmodifieddate",
    group="contactinformation",
    plural="contacts",
    links=("companies",),
    primary={"companies": 1},
    email="email",
)
COMPANIES = ObjectKind(
    name="companies",
    native="company",
    modified="hs_lastmodifieddate",
    group="companyinformation",
    plural="companies",
    shows=("deals", "contacts"),
)
KINDS = {kind.name: kind for kind in (DEALS, CONTACTS, COMPANIES)}
