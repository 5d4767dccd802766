"""Fill a freshly activated Tryton database: company, people, rights, places, a few parties.

Run by path in a process of its own (`python -P seed.py URI CONFIG`), since proteus turns the
process that imports it into half a Tryton server. It therefore imports nothing of tieline, and
proteus only when it runs.
"""

from __future__ import annotations

import importlib
import sys
from decimal import Decimal
from typing import Any

DATABASE = "crm"
ADMIN_USER, ADMIN_PASSWORD = "admin", "admin-Secret-1"
SYNC_USER, SYNC_PASSWORD = "sync", "sync-Secret-1"

EMPLOYEES = ("Kari Selger", "Ola Innkjop")
ORGANISATIONS = 10
FIRST_NAMES = ("Anne", "Bjorn")

# The currencies of the HubSpot sandbox's deals too, so that amounts can travel.
CURRENCIES = (
    ("NOK", "Norwegian Krone", "kr"),
    ("EUR", "Euro", "€"),
    ("USD", "US Dollar", "$"),
    ("GBP", "Pound Sterling", "£"),
)

# Tryton has no flag for it: tieline's connector tells persons from organisations by these.
PERSON, ORGANISATION = "Person", "Organisation"
WORKS_FOR = "works for"

# Real installations import all of them. Here: those of the HubSpot sandbox's people, too.
COUNTRIES = (
    ("NO", "Norway", (("NO-03", "Oslo"), ("NO-46", "Vestland"), ("NO-50", "Trøndelag"))),
    ("SE", "Sweden", (("SE-O", "Västra Götalands län"), ("SE-AB", "Stockholms län"))),
    ("DK", "Denmark", (("DK-84", "Hovedstaden"),)),
    ("DE", "Germany", (("DE-HH", "Hamburg"), ("DE-BY", "Bayern"))),
    ("GB", "United Kingdom", (("GB-SCT", "Scotland"),)),
    ("US", "United States", (("US-CA", "California"), ("US-MA", "Massachusetts"))),
    ("FR", "France", ()),
    ("ES", "Spain", ()),
    ("PL", "Poland", ()),
    ("CZ", "Czechia", ()),
    ("TR", "Türkiye", ()),
    ("IS", "Iceland", ()),
    ("BR", "Brazil", ()),
    ("JP", "Japan", ()),
    ("GR", "Greece", ()),
    ("UA", "Ukraine", ()),
    ("AE", "United Arab Emirates", ()),
)

# What the sync user may do, by model: read, write, create. Nobody needs delete.
RIGHTS = {
    "party.party": "rwc",
    "party.address": "rwc",
    "party.contact_mechanism": "rwc",
    "party.identifier": "rwc",
    "party.relation": "rwc",
    "sale.opportunity": "rwc",
    "sale.opportunity.line": "rwc",
    "company.company": "r",
    "company.employee": "r",
    "account.invoice.payment_term": "r",
}

# Any: proteus makes its record classes at run time from what the server declares.
Record = Any


class Seeder:
    """Makes records through proteus, as the administrator."""

    def __init__(self, uri: str, config_file: str) -> None:
        """Open the database at `uri` within this process."""
        self._proteus: Any = importlib.import_module("proteus")
        self._session: Any = importlib.import_module("proteus.config").set_trytond(
            database=uri, user=ADMIN_USER, config_file=config_file
        )

    def new(self, model: str, /, **values: object) -> Record:
        """Make and save one record of a model."""
        record = self._proteus.Model.get(model)(**values)
        record.save()
        return record

    def make_company(self) -> Record:
        """Make the own company with its currency, and work inside it from here on."""
        currencies = {
            code: self.new(
                "currency.currency",
                name=name,
                code=code,
                symbol=symbol,
                digits=2,
                rounding=Decimal("0.01"),
            )
            for code, name, symbol in CURRENCIES
        }
        wizard = self._proteus.Wizard("company.company.config")
        wizard.execute("company")
        wizard.form.party = self.new("party.party", name="Fjord Supply AS")
        wizard.form.currency = currencies["NOK"]
        wizard.execute("add")
        (company,) = self._proteus.Model.get("company.company").find([])
        # Without this, records made later belong to no company.
        user_class = self._proteus.Model.get("res.user")
        self._session._context = user_class.get_preferences(True, {})
        return company

    def make_employees(self, company: Record) -> None:
        """Make the people whom deals can be assigned to."""
        for name in EMPLOYEES:
            person = self._proteus.Model.get("party.party")(name=name)
            address = f"{name.split()[0].lower()}@fjord.example"
            person.contact_mechanisms.new(type="email", value=address)
            person.save()
            self.new("company.employee", party=person, company=company)

    def make_sync_user(self, company: Record) -> None:
        """Make the user that tieline signs in as, with the least rights that it needs."""
        group = self.new("res.group", name="CRM sync")
        for model, rights in RIGHTS.items():
            # Always with a group: a row without one binds all users, the administrator too.
            self.new(
                "ir.model.access",
                model=model,
                group=group,
                perm_read="r" in rights,
                perm_write="w" in rights,
                perm_create="c" in rights,
                perm_delete=False,
            )
        user = self._proteus.Model.get("res.user")(
            name="CRM sync", login=SYNC_USER, password=SYNC_PASSWORD
        )
        user.groups.append(group)
        user.companies.append(company)
        user.company = company
        user.save()

    def make_payment_term(self) -> None:
        """Make one payment term, for deals that become sales."""
        term = self._proteus.Model.get("account.invoice.payment_term")(name="30 days")
        term.lines.new(type="remainder").relativedeltas.new(days=30)
        term.save()

    def make_categories_and_places(self) -> None:
        """Make what persons and organisations are told by, and the countries that they are in."""
        for name in (PERSON, ORGANISATION):
            self.new("party.category", name=name)
        for code, name, parts in COUNTRIES:
            country = self.new("country.country", name=name, code=code)
            for part_code, part in parts:
                self.new(
                    "country.subdivision", name=part, code=part_code, type="county", country=country
                )

    def make_parties(self) -> None:
        """Make organisations and their people that nobody has put into a category yet.

        They are no contacts and companies to tieline; deals may name them all the same.
        """
        works_for = self.new("party.relation.type", name=WORKS_FOR)
        works_for.reverse = self.new("party.relation.type", name="employs", reverse=works_for)
        works_for.save()
        for number in range(ORGANISATIONS):
            organisation = self._make_organisation(number)
            for first_name in FIRST_NAMES:
                self._make_person(first_name, number, works_for, organisation)

    def _make_organisation(self, number: int) -> Record:
        organisation = self._proteus.Model.get("party.party")(name=f"Kunde {number:02d} AS")
        website = f"https://kunde{number:02d}.example/"
        organisation.contact_mechanisms.new(type="website", value=website)
        (address,) = organisation.addresses or [organisation.addresses.new()]
        address.city, address.postal_code = "Bergen", f"50{number:02d}"
        organisation.save()
        return organisation

    def _make_person(
        self, first_name: str, number: int, works_for: Record, organisation: Record
    ) -> None:
        person = self._proteus.Model.get("party.party")(name=f"{first_name} Kunde{number:02d}")
        email = f"{first_name.lower()}@kunde{number:02d}.example"
        person.contact_mechanisms.new(type="email", value=email)
        person.contact_mechanisms.new(type="phone", value=f"+47 22 33 44 {number:02d}")
        person.relations.new(type=works_for, to=organisation)
        person.save()


def seed(uri: str, config_file: str) -> None:
    """Fill the activated database at `uri`."""
    seeder = Seeder(uri, config_file)
    company = seeder.make_company()
    seeder.make_employees(company)
    seeder.make_sync_user(company)
    seeder.make_payment_term()
    seeder.make_categories_and_places()
    seeder.make_parties()


if __name__ == "__main__":
    seed(sys.argv[1], sys.argv[2])
