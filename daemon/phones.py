"""Phone numbers by the world's numbering plans, as Google's library knows them."""

from __future__ import annotations

from functools import lru_cache

from actors.phones import PhoneBook


class WorldPhones(PhoneBook, frozen=True, kw_only=True):
    """Reads numbers of any country, in the spelling of any; extensions are kept."""

    def e164(self, text: str) -> str:
        """Return `+15550100000`, with `;ext=12` if it has one; what is no number as it is."""
        return _e164(text, self.region)


@lru_cache(maxsize=10_000)
def _e164(text: str, region: str | None) -> str:
    import phonenumbers  # takes a tenth of a second, which few commands need

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return text.strip()
    if not phonenumbers.is_possible_number(number):
        return text.strip()
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else str(plain)


def is_region(code: str) -> bool:
    """Say whether this is the ISO code of a country with phone numbers."""
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS
