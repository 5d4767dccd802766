"""Countries, their parts and languages, as people write them: by code or by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

from daemon.connectors.tryton.columns import LeftOutError


class Country(Struct, frozen=True):
    """A country of the installation; `code` has two letters."""

    id: int
    name: str
    code: str | None = None


class Subdivision(Struct, frozen=True):
    """A state, province or county; `code` begins with the country's (`US-CA`)."""

    id: int
    name: str
    country: int
    code: str | None = None


class Language(Struct, frozen=True):
    """A language that a party can be written to in."""

    id: int
    name: str
    code: str


Named = TypeVar("Named", Country, Subdivision, Language)


class Places(Struct, frozen=True, kw_only=True):
    """All that the installation knows; countries are empty until somebody imports them."""

    countries: tuple[Country, ...] = ()
    subdivisions: tuple[Subdivision, ...] = ()
    languages: tuple[Language, ...] = ()

    def country_id(self, text: str | None) -> int | None:
        """Return a country by its code or name.

        Raises:
            LeftOutError: there is none.
        """
        return _find(self.countries, text, "country")

    def subdivision_id(self, text: str | None, country: int | None) -> int | None:
        """Return a part of a country by its name, or by its code with or without the country's.

        Raises:
            LeftOutError: there is none in that country.
        """
        among = [one for one in self.subdivisions if one.country == country]
        return _find(among, text, "subdivision")

    def language_id(self, text: str | None) -> int | None:
        """Return a language by its code or name.

        Raises:
            LeftOutError: there is none.
        """
        return _find(self.languages, text, "language")


def _find(among: Iterable[Named], text: str | None, word: str) -> int | None:
    if text is None or not text.strip():
        return None
    wanted = text.strip().casefold()
    found = {one.id for one in among if wanted in _names(one)}
    if len(found) != 1:
        many = "several" if found else "no"
        raise LeftOutError(
            f"Tryton has {many} {word} {text.strip()[:60]!r}: import or name it there"
        )
    return found.pop()


def _names(one: Country | Subdivision | Language) -> set[str]:
    names = {one.name.casefold()}
    if one.code:
        code = one.code.casefold()
        names.add(code)
        if isinstance(one, Subdivision):
            names.add(code.partition("-")[2] or code)
    return names
