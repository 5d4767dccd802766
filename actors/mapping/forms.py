"""Forms of texts: phone numbers, addresses and names in the one spelling that is compared.

Every form is a function that changes nothing the second time it is applied: what is compared in
a form and written in it agrees, whatever it was before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from actors.errors import OutsideDomainError
from actors.phones import PhoneBook
from actors.spec import Form

_ROUNDS = 8
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|mailto:)", re.IGNORECASE)
_WEB = re.compile(r"^https?://", re.IGNORECASE)
_PORT = re.compile(r":\d*$")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def shaped(forms: Iterable[Form], text: str, phones: PhoneBook) -> str:
    """Return the text in all these forms, one after the other.

    Raises:
        OutsideDomainError: the text has no such form.
    """
    for _ in range(_ROUNDS):
        before = text
        for form in forms:
            text = unicodedata.normalize("NFC", _apply(form, text, phones))
        if text == before:
            return text
    raise OutsideDomainError(f'"{text[:40]}" cannot be brought into the form that is asked for')


def _apply(form: Form, text: str, phones: PhoneBook) -> str:
    return phones.e164(_collapsed(text)) if form is Form.E164 else _FORMS[form](text)


def _collapsed(text: str) -> str:
    return " ".join(text.split())


def _titled(text: str) -> str:
    return _WORD.sub(lambda word: word[0].capitalize(), text)


def _host(name: str) -> str:
    """Return a host's name in lower case and in the letters that the net itself uses."""
    low = name.lower()
    try:
        return low if low.isascii() else low.encode("idna").decode("ascii")
    except UnicodeError:
        return low


def _email(text: str) -> str:
    """Return an address without regard to case; two that differ only in it are one mailbox."""
    plain = _collapsed(text).removeprefix("mailto:")
    local, at, domain = plain.rpartition("@")
    return f"{local.casefold()}{at}{_host(domain.casefold())}" if at else plain.casefold()


def _domain(text: str) -> str:
    """Return the domain of a host, a web address or an e-mail address."""
    rest = re.split(r"[/?#]", _SCHEME.sub("", _collapsed(text)), maxsplit=1)[0]
    bare = _PORT.sub("", rest.rpartition("@")[2]).strip(". ")
    name = _host(bare)
    return name.removeprefix("www.") or _collapsed(text).lower()


def _url(text: str) -> str:
    """Return a web address without the scheme, and without the slash at the end of a host."""
    rest = _WEB.sub("", _collapsed(text))
    scheme = found[0].lower() if (found := _SCHEME.match(rest)) else ""
    parts = re.match(r"([^/?#]*)(.*)", rest[len(scheme) :], re.DOTALL)
    assert parts is not None, "the pattern matches any text"
    user, at, host = parts[1].rpartition("@")
    kept = re.sub(r":(80|443)?$", "", host) if not scheme else host
    path = "" if parts[2] == "/" else parts[2]
    return f"{scheme}{user}{at}{_host(kept)}{path}" or _collapsed(text)


def _link(text: str) -> str:
    plain = _collapsed(text)
    return plain if not plain or _SCHEME.match(plain) else f"https://{plain}"


_FORMS: dict[Form, Callable[[str], str]] = {
    Form.TRIM: str.strip,
    Form.COLLAPSE: _collapsed,
    Form.LOWER: str.lower,
    Form.UPPER: str.upper,
    Form.TITLE: _titled,
    Form.EMAIL: _email,
    Form.DOMAIN: _domain,
    Form.URL: _url,
    Form.LINK: _link,
}
