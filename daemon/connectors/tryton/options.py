"""What an operator says about a Tryton account in the configuration."""

from __future__ import annotations

from datetime import timedelta

import httpx
from msgspec import Struct

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user that tieline signs in as; applications' keys do not work for this API."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Auth(user={self.user!r}, password=***)"


class PartyRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parties are of one kind; Tryton itself does not tell persons from organisations.

    Attributes:
        category: name of the party category that they are in.
        field: or: a field of parties that says it, where a module of the installation has one.
        value: what that field holds for them.
    """

    category: str | None = None
    field: str | None = None
    value: str = "true"

    def __post_init__(self) -> None:
        """Refuse a rule that names neither or both."""
        if (self.category is None) == (self.field is None):
            raise ValueError("needs either `category` or `field`")


class TrytonOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app of type `tryton`.

    Attributes:
        url: the server's address, without the database.
        database: its name.
        company: id or name of the company whose deals sync; by default the user's own.
        convert: press `convert` for deals won elsewhere; the user needs the group *Sales*.
        default_party, default_employee: id or name, for new deals that come without: Tryton
            makes a deal an opportunity only when it has both.
        persons: which parties are contacts; by default those in the category *Person*.
        organisations: which parties are companies; by default those in the category
            *Organisation*.
        works_for: type of the relation by which a contact's employer is known.
        tax_identifier: type of the identifiers that tax numbers are written to, like `eu_vat`;
            without it they are only read.
        overlap: how far behind the newest change each poll reads again; longer than the longest
            transaction of the installation.
        settle: how long a create may run on at the server after its answer was lost.
        page_size: records a call when reading.
        ca_file: PEM file of the authorities to trust instead of the public ones.
        allow_plain_http: send the password unencrypted to a host that is not this machine.
    """

    url: str
    database: str
    auth: Auth
    company: int | str | None = None
    convert: bool = False
    default_party: int | str | None = None
    default_employee: int | str | None = None
    persons: PartyRule = PartyRule(category="Person")
    organisations: PartyRule = PartyRule(category="Organisation")
    works_for: str = "works for"
    tax_identifier: str | None = None
    overlap: timedelta = timedelta(minutes=10)
    settle: timedelta = timedelta(seconds=5)
    page_size: int = 500
    ca_file: str | None = None
    allow_plain_http: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never work."""
        if self.overlap < timedelta(0) or self.settle < timedelta(0):
            raise ValueError("overlap and settle cannot be negative")
        if self.page_size < 1:
            raise ValueError("page_size must be at least 1")
        if not self.database:
            raise ValueError("database is empty")
        self._check_url()

    def _check_url(self) -> None:
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise ValueError(f"url is not an address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("url must begin with https:// and name a host")
        if url.scheme == "http" and url.host not in LOCAL_HOSTS and not self.allow_plain_http:
            raise ValueError("url must use https, or the password can be read on its way")
