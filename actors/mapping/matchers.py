"""Match keys: values of two apps made alike, so that the same person is found by them. Pure.

A key is what is compared and stored; it names its rule, so that keys of two rules never meet.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping

from msgspec import Struct

from actors.records import Side
from actors.schema import Field, ObjectSchema
from actors.spec import MatchSpec, Normal, SyncSpec
from actors.values import Kind, Raw

LONGEST_KEY = 200
"""Characters; of longer values the start and a digest are kept."""

_FEWEST_DIGITS = 5
_UNPAIRED = re.compile("[\ud800-\udfff]")
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "\u0131": "i"})
_EXTENSION = re.compile(r"(?:\bext\b\.?|[x#;,]).*", re.IGNORECASE | re.DOTALL)
_OWN: Mapping[str, tuple[str, ...]] = {
    "contacts": ("email",),
    "companies": ("domain", "website"),
}
"""By which fields an object's records are matched unless the configuration says otherwise."""

_MATCHABLE = frozenset({Kind.TEXT, Kind.EMAIL, Kind.PHONE, Kind.URL, Kind.NUMBER})


_LOOSE = frozenset({Normal.TEXT, Normal.DOMAIN, Normal.PHONE})


class Matcher(Struct, frozen=True, kw_only=True):
    """One match rule, resolved."""

    left: str
    right: str
    normal: Normal

    def field(self, side: Side) -> str:
        """Return the field's native name on that side."""
        return self.left if side is Side.LEFT else self.right

    @property
    def is_loose(self) -> bool:
        """Whether an app may hold the same in another spelling that it cannot be asked for."""
        return self.normal in _LOOSE

    def key_of(self, raw: Raw) -> str | None:
        """Return the key that a value gives, or None if it says nothing about who it is."""
        normal = normalise(self.normal, raw)
        return None if normal is None else _bounded(f"{self.left}={self.right}:{normal}")

    def key(self, side: Side, values: Mapping[str, Raw]) -> str | None:
        """Return a record's key, or None if the record has none."""
        return self.key_of(values.get(self.field(side)))

    def spellings(self, raw: Raw) -> tuple[str, ...]:
        """Return the texts under which an app may keep what `raw` says, to ask it for."""
        normal = normalise(self.normal, raw)
        if raw is None or normal is None:
            return ()
        return tuple(dict.fromkeys((raw.strip(), normal, *_VARIANTS[self.normal](normal))))


def normalise(normal: Normal, raw: Raw) -> str | None:
    """Make a value alike; None if nothing is left of it. What is alike already stays as it is."""
    if not raw or (not raw.isascii() and _UNPAIRED.search(raw)) or "\x00" in raw:
        return None  # nothing, or nothing that a store can be asked for
    return _NORMALS[normal](raw)


def keys_of(
    matchers: tuple[Matcher, ...], side: Side, values: Mapping[str, Raw]
) -> tuple[str, ...]:
    """Return all keys of a record, in the order of the rules."""
    found = (one.key(side, values) for one in matchers)
    return tuple(dict.fromkeys(key for key in found if key is not None))


def make_matchers(
    spec: SyncSpec,
    objects: Mapping[Side, ObjectSchema],
    report: Callable[[tuple[str | int, ...], str], None],
) -> tuple[Matcher, ...]:
    """Resolve a sync's match rules; what is wrong with them is reported."""
    if spec.match is None:
        own = _own_rule(spec, objects)
        return () if own is None else (own,)
    found = []
    for index, rule in enumerate(spec.match):
        fields = {
            side: _matchable(spec, side, objects[side], name, ("match", index, side.value), report)
            for side, name in ((Side.LEFT, rule.left), (Side.RIGHT, rule.right))
        }
        left, right = fields[Side.LEFT], fields[Side.RIGHT]
        if left is not None and right is not None:
            found.append(_matcher(rule, left, right))
    return tuple(dict.fromkeys(found))


def _matchable(
    spec: SyncSpec,
    side: Side,
    schema: ObjectSchema,
    name: str,
    path: tuple[str | int, ...],
    report: Callable[[tuple[str | int, ...], str], None],
) -> Field | None:
    field, app = schema.field(name), spec.app(side)
    if field is None:
        report(path, f'{app} has no field "{name}" on {schema.native}')
    elif field.kind not in _MATCHABLE or name == schema.key_field:
        report(path, f'{app}: "{name}" does not say who a record is; match by a text or number')
    else:
        return field
    return None


def _matcher(rule: MatchSpec, left: Field, right: Field) -> Matcher:
    return Matcher(
        left=rule.left, right=rule.right, normal=rule.normal or _normal_of({left.kind, right.kind})
    )


def _normal_of(kinds: set[Kind]) -> Normal:
    likely = (
        (Kind.EMAIL, Normal.EMAIL),
        (Kind.PHONE, Normal.PHONE),
        (Kind.URL, Normal.DOMAIN),
        (Kind.NUMBER, Normal.EXACT),
    )
    return next((normal for kind, normal in likely if kind in kinds), Normal.TEXT)


def _own_rule(spec: SyncSpec, objects: Mapping[Side, ObjectSchema]) -> Matcher | None:
    """Return the rule that an object has by itself: by mapped fields, else by those of the name."""
    names = _OWN.get(spec.object, ())
    normal = Normal.EMAIL if spec.object == "contacts" else Normal.DOMAIN
    mapped = [
        (line.left, line.right) for line in spec.fields if {line.left, line.right} & set(names)
    ]
    there = [
        next((name for name in names if objects[side].field(name) is not None), None)
        for side in (Side.LEFT, Side.RIGHT)
    ]
    if not mapped and there[0] is not None and there[1] is not None:
        mapped = [(there[0], there[1])]
    fitting = [pair for pair in mapped if _are_matchable(objects, pair)]
    return Matcher(left=fitting[0][0], right=fitting[0][1], normal=normal) if fitting else None


def _are_matchable(objects: Mapping[Side, ObjectSchema], pair: tuple[str, str]) -> bool:
    fields = [
        objects[side].field(name) for side, name in zip((Side.LEFT, Side.RIGHT), pair, strict=True)
    ]
    return all(field is not None and field.kind in _MATCHABLE for field in fields)


# --- making alike ---------------------------------------------------------------------------


def _bounded(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}#{digest}"


def _visible(raw: str) -> str:
    """Drop characters that nobody sees: zero-width ones, soft hyphens, controls but white space."""
    if raw.isascii() and raw.isprintable():
        return raw
    return "".join(
        char for char in raw if char.isspace() or unicodedata.category(char) not in ("Cf", "Cc")
    )


def _exact(raw: str) -> str | None:
    return raw.strip() or None


def _folded(raw: str) -> str:
    bare = unicodedata.normalize("NFKD", raw.casefold()).casefold().translate(_STROKES)
    return "".join(char for char in bare if not unicodedata.combining(char))


def _text(raw: str) -> str | None:
    """Fold until nothing changes: one fold may leave what another takes."""
    text, before = _folded(_visible(raw)), None
    while text != before:
        before, text = text, _folded(_visible(text))
    return " ".join(text.split()) or None


def _host(raw: str) -> str | None:
    """Return a host name in the form that names are registered in, or None for no host name."""
    host = raw.strip(".")
    while host.startswith("www.") and "." in host[4:].strip("."):
        host = host[4:].strip(".")
    if "." not in host or any(char.isspace() or char in "/@:" for char in host):
        return None
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host


def _email(raw: str) -> str | None:
    text = _caseless(raw).removeprefix("mailto:").strip()
    name, _, domain = text.rpartition("@")
    if not name or not domain or any(char.isspace() for char in text):
        return None
    return f"{name}@{_ascii(domain)}"


def _caseless(raw: str) -> str:
    """Fold case until nothing changes."""
    text, before = _visible(raw).strip(), None
    while text != before:
        before, text = text, unicodedata.normalize("NFC", text.casefold()).strip()
    return text


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain


def _domain(raw: str) -> str | None:
    text = _caseless(raw)
    rest = text.partition("://")[2] or text
    rest = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return _host(re.sub(r":\d*$", "", rest))


def _phone(raw: str) -> str | None:
    """Return the digits that are dialled: without 00 or +, signs between, or an extension."""
    text = _EXTENSION.sub("", _visible(raw))
    if text.strip().startswith(("+", "00")):
        text = text.replace("(0)", "")
    digits = "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())
    while digits.startswith("00"):
        digits = digits[2:]
    return digits if len(digits) >= _FEWEST_DIGITS else None


_NORMALS: Mapping[Normal, Callable[[str], str | None]] = {
    Normal.EXACT: _exact,
    Normal.TEXT: _text,
    Normal.EMAIL: _email,
    Normal.DOMAIN: _domain,
    Normal.PHONE: _phone,
}


def _domain_variants(host: str) -> tuple[str, ...]:
    names = (host, f"www.{host}")
    schemes = ("", "https://", "http://")
    return tuple(
        f"{scheme}{name}{end}" for scheme in schemes for name in names for end in ("", "/")
    )


_VARIANTS: Mapping[Normal, Callable[[str], tuple[str, ...]]] = {
    Normal.EXACT: lambda _: (),
    Normal.TEXT: lambda _: (),
    Normal.EMAIL: lambda _: (),
    Normal.DOMAIN: _domain_variants,
    Normal.PHONE: lambda digits: (f"+{digits}", f"00{digits}"),
}
