"""What a freshly seeded account holds: people, companies and deals that look like real ones.

Pure generators: the same seed and end date give the same account, on any machine and in any
order of use. Whoever loads the account gives out ids and derives calculated values; here are
only values that a person or an importing app would have written.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from random import Random

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.catalog import Owner, Pipeline, Stage, Team
from daemon.sandbox.hubspot.wire import iso

__all__ = [
    "SeedCounts",
    "SeedLink",
    "SeedRecord",
    "counts_for",
    "seed_companies",
    "seed_contacts",
    "seed_deals",
    "seed_links",
    "seed_owners",
    "seed_pipelines",
]

DAY_MS = 86_400_000
YEARS_BACK_MS = 4 * 365 * DAY_MS


class SeedRecord(Struct, gc=False):
    """One record to load; `values` are stored strings, the times are not among them."""

    values: dict[str, str]
    created_ms: int
    modified_ms: int


class SeedLink(Struct, frozen=True, gc=False):
    """One association to load, by position in the sequence of each type."""

    from_type: str
    from_index: int
    to_type: str
    to_index: int
    # Type ids in this direction, the unlabelled one first.
    type_ids: tuple[int, ...]


class SeedCounts(Struct, frozen=True):
    """How many records of each type an account of some size has."""

    deals: int
    contacts: int
    companies: int


class Locale(Struct, frozen=True, forbid_unknown_fields=True):
    """Names and places of one country; `ascii_…` where letters cannot be transliterated."""

    country: str
    code: str
    language: str
    currency: str
    phone: str
    weight: int
    first: list[str]
    last: list[str]
    cities: list[str]
    suffixes: list[str]
    ascii_first: list[str] = []
    ascii_last: list[str] = []


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The packaged vocabulary."""

    locales: list[Locale]
    company_heads: list[str]
    company_tails: list[str]
    industries: list[str]
    job_titles: list[str]
    deal_subjects: list[str]
    descriptions: list[str]
    owners: list[tuple[str, str, str]]


@cache
def _words() -> Words:
    packaged = files("daemon.sandbox.hubspot").joinpath("data", "words.json").read_bytes()
    return msgspec.json.decode(packaged, type=Words)


def counts_for(deals: int) -> SeedCounts:
    """Decide how many contacts and companies belong to so many deals."""
    return SeedCounts(deals=deals, contacts=math.ceil(deals / 2), companies=math.ceil(deals / 5))


def _random(seed: int, subject: str) -> Random:
    """A stream of its own per subject, so that one more deal changes no contact."""
    return Random(f"{seed}/{subject}")


_BY_HAND = str.maketrans(
    {
        "ø": "o",
        "æ": "ae",
        "å": "a",
        "ß": "ss",
        "ł": "l",
        "þ": "th",
        "ð": "d",
        "\u0131": "i",
        "đ": "d",
    }
)


@cache
def slug(text: str) -> str:
    """Lower-case ASCII letters and digits of a name, hyphens between its words."""
    flat = unicodedata.normalize("NFKD", text.lower().translate(_BY_HAND))
    kept = "".join(
        ch if ch.isascii() and ch.isalnum() else " "
        for ch in flat
        if ch.isprintable() and not unicodedata.combining(ch)
    )
    return "-".join(kept.split())


def seed_owners(seed: int) -> list[Owner]:
    """The eight people records belong to; the last is archived but still on old records."""
    rng = _random(seed, "owners")
    made: list[Owner] = []
    for position, (first, last, team) in enumerate(_words().owners):
        user_id = 2_620_000 + position * 37 + rng.randrange(20)
        gone = position == len(_words().owners) - 1
        made.append(
            Owner(
                id=str(60_158_000 + position * 113 + rng.randrange(90)),
                email=f"{slug(first)}.{slug(last)}@tieline.example",
                first_name=first,
                last_name=last,
                user_id=None if gone else user_id,
                user_id_including_inactive=user_id,
                created_at="2022-01-05T09:00:00.100Z",
                updated_at="2025-01-05T09:00:00.100Z",
                archived=gone,
                teams=[Team(id=str(170 + sum(map(ord, team)) % 97), name=team)],
            )
        )
    return made


# Label, probability of the stages of the second pipeline; ids count up from the pipeline's.
_PARTNER_STAGES = (
    ("Partner Identified", "0.1"),
    ("Registered", "0.3"),
    ("Joint Proposal", "0.6"),
    ("Partner Won", "1.0"),
    ("Partner Lost", "0.0"),
)
PARTNER_PIPELINE_ID = "139921"


def seed_pipelines() -> list[Pipeline]:
    """The deal pipeline that a seeded account has besides the vendor's default one."""
    since = "2024-02-01T08:30:00.250Z"
    stages = [
        Stage(
            id=str(int(PARTNER_PIPELINE_ID) + 1 + position),
            label=label,
            display_order=position,
            metadata={
                "isClosed": "true" if probability in {"0.0", "1.0"} else "false",
                "probability": probability,
            },
            created_at=since,
            updated_at=since,
            write_permissions="CRM_PERMISSIONS_ENFORCEMENT",
        )
        for position, (label, probability) in enumerate(_PARTNER_STAGES)
    ]
    return [
        Pipeline(
            id=PARTNER_PIPELINE_ID,
            label="Partner Pipeline",
            display_order=1,
            stages=stages,
            created_at=since,
            updated_at=since,
        )
    ]


def _locale(rng: Random) -> Locale:
    return rng.choices(_words().locales, cum_weights=_cumulative())[0]


@cache
def _cumulative() -> list[int]:
    total = 0
    return [total := total + locale.weight for locale in _words().locales]


def _times(rng: Random, until_ms: int) -> tuple[int, int]:
    """When a record was made and last changed: spread over years, denser towards the end."""
    created = until_ms - int(rng.random() ** 1.6 * YEARS_BACK_MS) - 60_000
    return created, created + int(rng.random() ** 3 * (until_ms - created))


def _phone(rng: Random, locale: Locale) -> str:
    return locale.phone.format(rng.randrange(10, 100), rng.randrange(10, 100))


def _owner(rng: Random, owners: Sequence[Owner]) -> str:
    """An owner's id; one record in twenty has none, few belong to the archived one."""
    if rng.random() < 0.05 or not owners:
        return ""
    active = [owner for owner in owners if not owner.archived]
    pool = owners if rng.random() < 0.2 or not active else active
    return rng.choice(pool).id


def _company_name(position: int) -> tuple[str, str]:
    """A name and its domain, different for every position."""
    words = _words()
    heads, tails = words.company_heads, words.company_tails
    head = heads[position * 7 % len(heads)]
    tail = tails[(position // len(heads) + position * 5) % len(tails)]
    number = position // (len(heads) * len(tails))
    more = f"-{number + 1}" if number else ""
    return f"{head} {tail}", f"{slug(head)}-{slug(tail)}{more}-{position}.example"


def seed_companies(
    seed: int, count: int, owners: Sequence[Owner], until_ms: int
) -> Iterator[SeedRecord]:
    """Companies with name, domain, place and size; every domain is different."""
    rng, words = _random(seed, "companies"), _words()
    for position in range(count):
        locale = _locale(rng)
        name, domain = _company_name(position)
        size = int(math.exp(rng.uniform(1.5, 9.0)))
        values = {
            "name": f"{name} {rng.choice(locale.suffixes)}",
            "domain": domain,
            "website": f"https://www.{domain}/",
            "phone": _phone(rng, locale),
            "city": rng.choice(locale.cities),
            "country": locale.country,
            "industry": rng.choice(words.industries),
            "numberofemployees": str(size),
            "annualrevenue": str(size * rng.randrange(40_000, 250_000, 1000)),
            "hubspot_owner_id": _owner(rng, owners),
        }
        yield _record(rng, values, until_ms)


def _record(rng: Random, values: dict[str, str], until_ms: int) -> SeedRecord:
    created, modified = _times(rng, until_ms)
    return SeedRecord({name: text for name, text in values.items() if text}, created, modified)


def seed_contacts(
    seed: int, count: int, owners: Sequence[Owner], until_ms: int, companies: int
) -> Iterator[SeedRecord]:
    """Contacts with names in many scripts; the e-mails that are there are all different.

    One in forty has no e-mail, as happens with people entered by hand.
    """
    rng, words = _random(seed, "contacts"), _words()
    stages = ("subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer")
    for position in range(count):
        locale = _locale(rng)
        first, last = rng.randrange(len(locale.first)), rng.randrange(len(locale.last))
        employer = employer_of(position, companies)
        name, domain = _company_name(employer) if companies else ("", "mail.example")
        values = {
            "firstname": locale.first[first],
            "lastname": locale.last[last],
            "email": ""
            if rng.random() < 0.025
            else f"{_mailbox(locale.code, first, last)}.{position}@{domain}",
            "phone": _phone(rng, locale),
            "company": name,
            "jobtitle": rng.choice(words.job_titles),
            "city": rng.choice(locale.cities),
            "country": locale.country,
            "hs_language": locale.language,
            "lifecyclestage": rng.choice(stages),
            "hubspot_owner_id": _owner(rng, owners),
        }
        yield _record(rng, values, until_ms)


@cache
def _mailbox(locale_code: str, first: int, last: int) -> str:
    locale = next(entry for entry in _words().locales if entry.code == locale_code)
    given = (locale.ascii_first or locale.first)[first]
    family = (locale.ascii_last or locale.last)[last]
    return f"{slug(given)}.{slug(family)}"


def employer_of(contact: int, companies: int) -> int:
    """Which company a contact works for."""
    return contact * 7919 % companies if companies else -1


def company_of(deal: int, companies: int) -> int:
    """Which company a deal is with."""
    return deal * 10_007 % companies if companies else -1


def seed_deals(
    seed: int,
    count: int,
    owners: Sequence[Owner],
    until_ms: int,
    *,
    pipelines: Sequence[Pipeline],
    companies: int,
) -> Iterator[SeedRecord]:
    """Deals over all stages of all pipelines, three in four in the first pipeline.

    Amounts have cents, some are whole and a few are missing; a closed deal's close date is
    past, an open one's mostly ahead.
    """
    rng, words = _random(seed, "deals"), _words()
    first, *others = pipelines
    for position in range(count):
        pipeline = first if not others or rng.random() < 0.75 else rng.choice(others)
        stage = rng.choice(pipeline.stages)
        created, modified = _times(rng, until_ms)
        name, _ = _company_name(company_of(position, companies)) if companies else ("Deal", "")
        values = {
            "dealname": f"{name} {rng.choice(words.deal_subjects)} {_year(created)}",
            "pipeline": pipeline.id,
            "dealstage": stage.id,
            "amount": _amount(rng),
            "deal_currency_code": rng.choices(
                ("USD", "EUR", "NOK", "GBP"), cum_weights=(45, 78, 92, 100)
            )[0],
            "closedate": iso(_close(rng, stage, created, modified)),
            "hubspot_owner_id": _owner(rng, owners),
            "dealtype": "newbusiness" if rng.random() < 0.6 else "existingbusiness",
            "hs_priority": rng.choice(("low", "medium", "high", "")),
            "description": rng.choice(words.descriptions) if rng.random() < 0.3 else "",
        }
        kept = {key: text for key, text in values.items() if text}
        yield SeedRecord(kept, created, modified)


def _amount(rng: Random) -> str:
    if rng.random() < 0.04:
        return ""
    worth = math.exp(rng.gauss(9.2, 1.3))
    return f"{round(worth, -2):.0f}" if rng.random() < 0.3 else f"{worth:.2f}"


def _year(ms: int) -> str:
    return iso(ms)[:4]


def _close(rng: Random, stage: Stage, created: int, modified: int) -> int:
    """A closed deal closed between its creation and last change; an open one will later on."""
    if stage.is_closed:
        return created + int(rng.random() * (modified - created))
    ahead = created + rng.randrange(20, 200) * DAY_MS
    return ahead - ahead % DAY_MS


def seed_links(seed: int, counts: SeedCounts) -> Iterator[SeedLink]:
    """Associations of the seeded records, each pair once, seen from contact or deal.

    A contact works for one company, a deal is with one company (one in twenty with none) and
    up to two contacts of it. Each one's only company is its primary one.
    """
    rng, companies = _random(seed, "links"), counts.companies
    if companies:
        for contact in range(counts.contacts):
            employer = employer_of(contact, companies)
            yield SeedLink("contacts", contact, "companies", employer, (279, 1))
    staff: dict[int, list[int]] = {}
    for contact in range(counts.contacts):
        staff.setdefault(employer_of(contact, companies), []).append(contact)
    for deal in range(counts.deals):
        company = company_of(deal, companies)
        if companies and rng.random() >= 0.05:
            yield SeedLink("deals", deal, "companies", company, (341, 5))
        people = staff.get(company, [])
        for contact in rng.sample(people, min(len(people), rng.randrange(3))):
            yield SeedLink("deals", deal, "contacts", contact, (3,))
