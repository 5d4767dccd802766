"""Tryton for the conformance kit: the connector, and a person who works in Tryton beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from actors.records import Departure
from actors.values import Raw
from daemon.connectors.registry import Environment
from daemon.connectors.tryton import open_connector
from daemon.connectors.tryton.options import Auth, TrytonOptions
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.answer_cutter import AnswerCutter

PAGE_SIZE = 20
FIELDS = (
    "description",
    "amount",
    "currency",
    "pipeline",
    "state",
    "party",
    "employee",
    "start_date",
    "end_date",
    "comment",
    "conversion_probability",
    "lost_reason",
    "contact_person",
)


def make_options(info: TrytonInfo, **more: object) -> TrytonOptions:
    """Return options for the sandbox server, as its sync user."""
    settings = {
        "url": info.url,
        "database": info.database,
        "auth": Auth(user=info.user, password=info.password),
        "settle": timedelta(0),
    }
    return TrytonOptions(**{**settings, **more})  # type: ignore[arg-type]  # tests name real options


class TrytonBench:
    """See `daemon.connectors.workbench.Bench`."""

    object_name = "deals"
    text_field = "description"
    departure = Departure.DELETED
    page = 45

    def __init__(
        self,
        info: TrytonInfo,
        person: AdminClient,
        cutter: AnswerCutter,
        fields: Sequence[str] = FIELDS,
    ) -> None:
        options = make_options(info, url=cutter.url, page_size=PAGE_SIZE)
        self.connector = open_connector(options, Environment(app="erp"))
        self.fields = fields
        self.refused: Mapping[str, Raw] = {"amount": "1.234"}
        self._person = person
        self._cutter = cutter
        parties = person.call("model.party.party.search", [], 0, 3, [["id", "DESC"]])
        people = [
            row["party"]
            for row in person.read("party.contact_mechanism", [["type", "=", "email"]], ["party"])
        ]
        employees = person.call("model.company.employee.search", [], 0, 2, [["id", "ASC"]])
        self.samples: Mapping[str, Sequence[Raw]] = {
            "description": ("Pumps, two of them", "Blåbær & ½ € 🐟"),
            "comment": ("one\ntwo\n\tthree", None, "   kept as it is "),
            "lost_reason": ("price", None),
            "amount": ("1000.00", "0", "-12.5", None, "123456789012345678.99"),
            "currency": ("EUR", "NOK"),
            "start_date": ("2026-01-31",),
            "end_date": ("2027-02-28", None, "1999-12-31"),
            "conversion_probability": ("0.25", "1", "0"),
            "contact_person": (str(people[0]), str(people[1]), None),
            "party": tuple(str(one) for one in parties),
            "employee": tuple(str(one) for one in employees),
            # Last: the other fields can be written only while the deal is a lead.
            "state": ("opportunity", "lost", "lead", "cancelled", "opportunity", "lead"),
        }

    def values(self, text: str) -> dict[str, Raw]:
        return {self.text_field: text, "amount": "10.00", "state": "lead"}

    async def make(self, texts: Sequence[str]) -> list[str]:
        rows = [{"description": text} for text in texts]
        return [str(one) for one in self._person.call("model.sale.opportunity.create", rows)]

    async def edit(self, ids: Sequence[str], values: Mapping[str, Raw]) -> None:
        self._person.call("model.sale.opportunity.write", [int(one) for one in ids], dict(values))

    async def delete(self, record_id: str) -> None:
        # Tryton deletes only what was cancelled before.
        self._person.call("model.sale.opportunity.cancel", [int(record_id)])
        self._person.call("model.sale.opportunity.delete", [int(record_id)])

    async def lose_next_answer(self) -> None:
        self._cutter.lose_answer_to(b"opportunity.create", b"opportunity.write")


PARTY_FIELDS = (
    "name",
    "email",
    "phone",
    "mobile",
    "website",
    "street",
    "city",
    "postal_code",
    "country",
    "country_name",
    "subdivision",
    "language",
    "tax_identifier",
)
CATEGORIES = {"contacts": "Person", "companies": "Organisation"}


class PartyBench:
    """See `daemon.connectors.workbench.Bench`; for contacts or for companies."""

    text_field = "name"
    departure = Departure.DELETED
    page = 45
    fields: Sequence[str] = PARTY_FIELDS
    refused: Mapping[str, Raw] = {"tax_identifier": "BE000"}
    samples: Mapping[str, Sequence[Raw]] = {
        "name": ("Anne Østby", "  kept as it is ", "北京 🐟"),
        "email": ("Anne.Ostby@fjord.example", None, "anne@fjord.example"),
        "phone": ("+47 22 33 44 55", "+47 55 21 00 00", None),
        "mobile": ("+47 90 00 00 00", None),
        "website": ("https://fjord.example/om-oss", None, "fjord.example"),
        "street": ("Storgata 1\nOppgang B", None, "Kirkegata 7"),
        "city": ("Tromsø", None, "Bergen"),
        "postal_code": ("0155", None),
        "country": ("SE", "NO"),
        "subdivision": ("Oslo", "Vestland", None),
        "country_name": ("Denmark", None),
        "language": ("de", "fr", None),
        "tax_identifier": ("BE0897290877", None),
    }

    def __init__(
        self, object_name: str, info: TrytonInfo, person: AdminClient, cutter: AnswerCutter
    ) -> None:
        options = make_options(info, url=cutter.url, page_size=PAGE_SIZE, tax_identifier="eu_vat")
        self.object_name = object_name
        self.connector = open_connector(options, Environment(app="erp"))
        self._person = person
        self._cutter = cutter
        (category,) = person.read("party.category", [["name", "=", CATEGORIES[object_name]]], [])
        self._category = category["id"]

    def values(self, text: str) -> dict[str, Raw]:
        return {"name": text, "email": "kit@fjord.example", "city": "Oslo", "country": "NO"}

    async def make(self, texts: Sequence[str]) -> list[str]:
        rows = [{"name": text, "categories": [["add", [self._category]]]} for text in texts]
        return [str(one) for one in self._person.call("model.party.party.create", rows)]

    async def edit(self, ids: Sequence[str], values: Mapping[str, Raw]) -> None:
        self._person.call("model.party.party.write", [int(one) for one in ids], dict(values))

    async def delete(self, record_id: str) -> None:
        self._person.call("model.party.party.delete", [int(record_id)])

    async def lose_next_answer(self) -> None:
        self._cutter.lose_answer_to(b"party.party.create", b"party.party.write")
