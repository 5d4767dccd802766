"""Contacts and companies of a world, read over the two systems' own APIs and compared."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from daemon.sandbox.tryton.running import running_tryton
from tests.e2e.world import World
from tests.support.hubspot_process import Sandbox

Record = dict[str, str]
"""Values by HubSpot's property; what is empty is left out."""

CATEGORIES = {"contacts": "Person", "companies": "Organisation"}
# HubSpot's property and Tryton's field, as the configuration pairs them.
FIELDS = {
    "contacts": {
        "lastname": "name",
        "email": "email",
        "phone": "phone",
        "mobilephone": "mobile",
        "address": "street",
        "city": "city",
        "zip": "postal_code",
        "country": "country_name",
    },
    "companies": {
        "name": "name",
        "website": "website",
        "phone": "phone",
        "city": "city",
        "zip": "postal_code",
        "country": "country_name",
    },
}
_MECHANISMS = ("email", "phone", "mobile", "website")
_LINES = ("contact_mechanisms.value", "contact_mechanisms.type", "identifiers.code")
_ADDRESS = ("street", "city", "postal_code", "country.name")


def sections(*objects: str, without: Collection[str] = ()) -> str:
    """The configuration of these objects, to be put behind that of deals.

    Args:
        without: HubSpot's properties that are not mapped.
    """
    text = ""
    for name in objects:
        text += f"\n    {name}:\n      fields:"
        for left, right in FIELDS[name].items():
            if left in without:
                continue
            text += f"\n        - {{hubspot: {left}, erp: {right}}}"
    return text


class People:
    """The contacts and companies of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        token = world.hubspot.grant(
            "oauth", "crm.objects.contacts.read", "crm.objects.companies.read"
        )
        self._reader = world.hubspot.client(token)
        categories = world.erp.read("party.category", [], ["name"])
        self._categories = {row["name"]: row["id"] for row in categories}

    def close(self) -> None:
        self._reader.close()

    # --- reading ----------------------------------------------------------------------------

    def hubspot(self, name: str) -> dict[str, Record]:
        """All live records of the sandbox."""
        properties = ",".join((*FIELDS[name], "tieline_key"))
        found: dict[str, Record] = {}
        after: str | None = None
        while True:
            query = {"limit": "100", "properties": properties}
            answer = self._reader.get(
                f"/crm/v3/objects/{name}", params=query | ({"after": after} if after else {})
            )
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                time.sleep(1)  # even a test keeps to the vendor's limits
                continue
            page = answer.json()
            for record in page["results"]:
                values = {one: record["properties"].get(one) for one in FIELDS[name]}
                values["tieline_key"] = record["properties"].get("tieline_key")
                found[record["id"]] = {one: text for one, text in values.items() if text}
            after = page.get("paging", {}).get("next", {}).get("after")
            if after is None:
                return found

    def erp(self, name: str) -> dict[str, Record]:
        """All live parties of the category, in HubSpot's words."""
        domain = [["categories.name", "=", CATEGORIES[name]], ["active", "=", True]]
        fields = ["name", *_LINES, *(f"addresses.{part}" for part in _ADDRESS)]
        rows = self.world.erp.read("party.party", domain, fields)
        return {str(row["id"]): _in_hubspot_words(name, row) for row in rows}

    def pairs(self, name: str) -> dict[str, str]:
        """Ids of records that are copies of each other, HubSpot to Tryton, by the keys alone."""
        prefix = f"tieline:sales:{name}:"
        found: dict[str, str] = {}
        copies = [(one, record, "erp", False) for one, record in self.hubspot(name).items()]
        copies += [(one, record, "hubspot", True) for one, record in self.erp(name).items()]
        for one, record, app, is_erp in copies:
            source = record.get("tieline_key", "").removeprefix(f"{prefix}{app}:")
            if source.isdigit():
                left, right = (source, one) if is_erp else (one, source)
                assert left not in found, f"two copies of HubSpot {left}"
                found[left] = right
        assert len(set(found.values())) == len(found), "two records share one copy"
        return found

    def differences(self, name: str, without: Collection[str] = ()) -> list[str]:
        """What the two systems do not say alike, but for some properties; [] if they are equal."""
        left, right, pairs = self.hubspot(name), self.erp(name), self.pairs(name)
        wrong = [f"HubSpot {one} has no copy" for one in left if one not in pairs]
        wrong += [f"Tryton {one} has no copy" for one in right if one not in pairs.values()]
        for one, two in pairs.items():
            if one in left and two in right:
                wrong += [
                    f"{field} of HubSpot {one} and Tryton {two}: "
                    f"{left[one].get(field)!r} and {right[two].get(field)!r}"
                    for field in FIELDS[name]
                    if field not in without and left[one].get(field) != right[two].get(field)
                ]
        return wrong

    def last_erp_change(self) -> str:
        """The newest stamps of parties and of all that they are made of."""
        models = ("party.party", "party.contact_mechanism", "party.address", "party.identifier")
        order = [["last_modified_at", "DESC"]]
        return json.dumps(
            [
                self.world.erp.call(
                    f"model.{model}.search_read", [], 0, 1, order, ["last_modified_at"]
                )
                for model in models
            ]
        )

    # --- editing, as people do --------------------------------------------------------------

    def make_hubspot(self, name: str, /, **properties: str) -> str:
        made = self.world.hubspot.control(
            "/admin/create", objectType=name, properties=properties, userId=2620022
        )
        return str(made["id"])

    def edit_hubspot(self, name: str, record_id: str, /, **properties: str) -> None:
        self.world.hubspot.control(
            "/admin/edit", objectType=name, id=record_id, properties=properties, userId=2620022
        )

    def make_erp(self, name: str, party: str, /, city: str = "", **mechanisms: str) -> str:
        lines = [{"type": kind, "value": value} for kind, value in mechanisms.items()]
        values = {
            "name": party,
            "categories": [["add", [self._categories[CATEGORIES[name]]]]],
            "contact_mechanisms": [["create", lines]],
            "addresses": [["create", [{"city": city}]]],
        }
        (made,) = self.world.erp.call("model.party.party.create", [values])
        return str(made)

    def edit_erp_mechanism(self, party: str, kind: str, value: str) -> None:
        """Edit a party's e-mail or phone in its own row, which does not move the party."""
        domain = [["party", "=", int(party)], ["type", "=", kind]]
        (line, *_) = self.world.erp.read("party.contact_mechanism", domain, ["value"])
        self.world.erp.call("model.party.contact_mechanism.write", [line["id"]], {"value": value})

    def edit_erp_address(self, party: str, /, **values: object) -> None:
        """Edit a party's first address in its own row."""
        (line, *_) = self.world.erp.read("party.address", [["party", "=", int(party)]], ["city"])
        self.world.erp.call("model.party.address.write", [line["id"]], values)

    def edit_erp(self, party: str, /, **values: object) -> None:
        self.world.erp.call("model.party.party.write", [int(party)], values)


# Any would do: Tryton's JSON.
def _in_hubspot_words(name: str, row: dict[str, list[dict[str, object]]]) -> Record:
    values: dict[str, object] = {"name": row["name"]}
    for line in row["contact_mechanisms."]:
        if line["type"] in _MECHANISMS:
            values.setdefault(str(line["type"]), line["value"])
    for address in row["addresses."][:1]:
        values |= {part: address[part] for part in ("street", "city", "postal_code")}
        country = address["country."]
        values["country_name"] = country["name"] if isinstance(country, dict) else None
    record = {left: values.get(right) for left, right in FIELDS[name].items()}
    record["tieline_key"] = next(
        (line["code"] for line in row["identifiers."] if str(line["code"]).startswith("tieline:")),
        None,
    )
    return {one: str(text) for one, text in record.items() if text}


@contextmanager
def running_people(
    folder: Path, *sandbox_options: str, contacts: int = 0, companies: int = 0, deals: int = 0
) -> Iterator[People]:
    """A world whose configuration syncs all three objects; counts are Tryton's."""
    options = ("--listen", "127.0.0.1:0", "--token", "tok-e2e", "--lag", "0", *sandbox_options)
    sandbox = Sandbox(*options)
    try:
        with running_tryton(deals=deals, contacts=contacts, companies=companies) as tryton:
            world = World(folder, sandbox, tryton)
            people = People(world)
            world.configure(more_fields=sections("contacts", "companies"))
            try:
                yield people
            finally:
                people.close()
                world.close()
    finally:
        sandbox.stop()
