"""How phone numbers are read. The core knows the plain rules; the daemon brings a world's book."""

from __future__ import annotations

from msgspec import Struct


class PhoneBook(Struct, frozen=True, kw_only=True):
    """Reads phone numbers.

    Attributes:
        region: ISO 3166 code of the country that numbers without a country code belong to.
    """

    region: str | None = None

    def e164(self, text: str) -> str:
        """Return the number with a plus and digits only; other texts without separators."""
        marked = text.strip()
        digits = "".join(char for char in marked if char in "0123456789")
        if not digits or any(char.isalpha() for char in marked):
            return marked
        if marked.startswith("00"):
            return f"+{digits[2:]}"
        return f"+{digits}" if marked.startswith("+") else digits
