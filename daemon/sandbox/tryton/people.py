"""Companies and contacts for the sandbox server: made up, the same each time, made in bulk."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from msgspec import Struct

from daemon.sandbox.tryton import seed
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo

BATCH = 200
TRADES = ("Marine", "Energi", "Mekaniske", "Logistikk", "Sjømat", "Bygg", "Elektro", "Verft")
FIRST_NAMES = (
    *("Ingrid", "Lars", "Åse", "Henrik", "Sigrid", "Olav", "Maren", "Jonas", "Tuva", "Erik"),
    *("Sunniva", "Magnus", "Solveig", "Aksel", "Kaja", "Torbjørn", "Live", "Even", "Ragnhild"),
)
LAST_NAMES = (
    *("Solberg", "Haugen", "Østby", "Lie", "Myhre", "Strand", "Bakken", "Nygård", "Eide"),
    *("Tveit", "Aasen", "Moen", "Sæther", "Berge", "Lunde", "Brekke", "Dahl", "Hagen", "Kvamme"),
    *("Rønning", "Vik", "Engen", "Holm"),
)


class Town(Struct, frozen=True):
    """A town with the country and the part of it that it lies in."""

    name: str
    street: str
    postal_code: str
    country: str
    subdivision: str | None = None


TOWNS = (
    Town("Bergen", "Strandgaten", "5013", "NO", "NO-46"),
    Town("Oslo", "Storgata", "0155", "NO", "NO-03"),
    Town("Trondheim", "Munkegata", "7011", "NO", "NO-50"),
    Town("Stavanger", "Kirkegata", "4006", "NO"),
    Town("Göteborg", "Hamngatan", "411 06", "SE", "SE-O"),
    Town("København", "Nørregade", "1165", "DK", "DK-84"),
    Town("Hamburg", "Hafenstraße", "20359", "DE", "DE-HH"),
    Town("Aberdeen", "Union Street", "AB11 5BN", "GB", "GB-SCT"),
)


def add_people(info: TrytonInfo, *, contacts: int, companies: int) -> None:
    """Add organisations, and persons who work for them, as the sync user.

    The n-th of each is the same whatever the numbers are.
    """
    client = AdminClient(info, admin=False)
    try:
        maker = _Maker(client)
        organisations = maker.make([maker.company(number) for number in range(companies)])
        maker.make([maker.contact(number, organisations) for number in range(contacts)])
    finally:
        client.close()


class _Maker:
    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._places: dict[str, int] = {
            row["code"]: row["id"]
            for model in ("country.country", "country.subdivision")
            for row in client.read(model, [], ["code"])
        }
        names = {row["name"]: row["id"] for row in client.read("party.category", [], ["name"])}
        self._person, self._organisation = names[seed.PERSON], names[seed.ORGANISATION]
        (kind,) = client.read("party.relation.type", [["name", "=", seed.WORKS_FOR]], ["name"])
        self._works_for = kind["id"]

    def make(self, parties: Sequence[dict[str, object]]) -> list[int]:
        """Make parties and return their ids."""
        ids: list[int] = []
        for start in range(0, len(parties), BATCH):
            batch = parties[start : start + BATCH]
            ids += self._client.call("model.party.party.create", batch)
        return ids

    def company(self, number: int) -> dict[str, object]:
        town = TOWNS[number % len(TOWNS)]
        name = company_name(number)
        return {
            "name": name,
            "categories": [["add", [self._organisation]]],
            "contact_mechanisms": _mechanisms(
                website=f"https://www.{domain_of(number)}",
                email=f"post@{domain_of(number)}",
                phone=f"+47 55 {number % 90 + 10} {number // 90 % 90 + 10} 00",
            ),
            "addresses": [["create", [self._address(town, number)]]],
        }

    def contact(self, number: int, organisations: Sequence[int]) -> dict[str, object]:
        first, last = person_name(number)
        at = number % len(organisations) if organisations else number
        address = f"{_ascii(first)}.{_ascii(last)}.{number + 1}@{domain_of(at)}"
        works_for = {"type": self._works_for, "to": organisations[at]} if organisations else None
        return {
            "name": f"{first} {last}",
            "categories": [["add", [self._person]]],
            "contact_mechanisms": _mechanisms(
                email=address,
                phone=f"+47 22 {number % 90 + 10} {number // 90 % 90 + 10} 11",
                **({"mobile": f"+47 900 {number % 90 + 10} {100 + number}"} if number % 3 else {}),
            ),
            "addresses": [["create", [self._address(TOWNS[at % len(TOWNS)], number)]]],
            **({"relations": [["create", [works_for]]]} if works_for else {}),
        }

    def _address(self, town: Town, number: int) -> dict[str, object]:
        return {
            "street": f"{town.street} {number % 80 + 1}",
            "city": town.name,
            "postal_code": town.postal_code,
            "country": self._places[town.country],
            "subdivision": self._places[town.subdivision] if town.subdivision else None,
        }


def company_name(number: int) -> str:
    """Return the n-th company's name."""
    town, trade = TOWNS[number % len(TOWNS)], TRADES[number // len(TOWNS) % len(TRADES)]
    serial = number // (len(TOWNS) * len(TRADES))
    return f"{town.name} {trade}{f' {serial + 1}' if serial else ''} AS"


def domain_of(number: int) -> str:
    """Return the n-th company's domain."""
    words = company_name(number).removesuffix(" AS").split()
    return f"{'-'.join(_ascii(word) for word in words)}.example"


def person_name(number: int) -> tuple[str, str]:
    """Return the n-th contact's first and last name."""
    turn = number // len(FIRST_NAMES)
    return (
        FIRST_NAMES[number % len(FIRST_NAMES)],
        LAST_NAMES[(number * 5 + turn) % len(LAST_NAMES)],
    )


def _mechanisms(**values: str) -> list[object]:
    return [["create", [{"type": kind, "value": value} for kind, value in values.items()]]]


def _ascii(word: str) -> str:
    plain = word.lower().replace("ø", "o").replace("æ", "ae").replace("ß", "ss")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
