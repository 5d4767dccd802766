"""The table of kinds: which pairs of fields map both ways, one way as text, or not, and why.

Nothing is known here: every cell is what `relate` answers for two specimens, so the table cannot
say anything else than what a configuration would be told.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.errors import MappingError
from actors.mapping.relate import Surroundings, relate
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema, Option, User
from actors.spec import Direction, FieldSpec, SyncSpec
from actors.values import Kind


class Fit(StrEnum):
    """How two kinds of fields map."""

    BOTH = "two-way"
    ONE_WAY = "one-way"
    AS_TEXT = "one-way as text"
    NOT = "not"


class Compatibility(Struct, frozen=True, kw_only=True):
    """One pair of kinds.

    Attributes:
        from_, to: words for the kinds; `from_` is where values come from if they go one way.
        needs_values: the pair maps only with `values:`.
        why: the reason where they do not map both ways, or what it takes; may be empty.
    """

    from_: str
    to: str
    fit: Fit
    needs_values: bool = False
    why: str = ""


_OPTIONS = (Option(id="a", label="A"), Option(id="b", label="B"))
_SPECIMENS: dict[str, Field] = {
    "text": Field(name="text", label="", kind=Kind.TEXT),
    "number": Field(name="number", label="", kind=Kind.NUMBER),
    "money": Field(name="money", label="", kind=Kind.NUMBER),
    "boolean": Field(name="boolean", label="", kind=Kind.BOOLEAN),
    "date": Field(name="date", label="", kind=Kind.DATE),
    "datetime": Field(name="datetime", label="", kind=Kind.DATETIME),
    "enum": Field(name="enum", label="", kind=Kind.ENUM, options=_OPTIONS),
    "multi-enum": Field(name="multi-enum", label="", kind=Kind.MULTI_ENUM, options=_OPTIONS),
    "user": Field(name="user", label="", kind=Kind.REFERENCE, target="users"),
    "record": Field(name="record", label="", kind=Kind.REFERENCE, target="companies"),
    "records": Field(name="records", label="", kind=Kind.MULTI_REFERENCE, target="companies"),
    "phone": Field(name="phone", label="", kind=Kind.PHONE),
    "email": Field(name="email", label="", kind=Kind.EMAIL),
    "domain": Field(name="domain", label="", kind=Kind.DOMAIN),
    "url": Field(name="url", label="", kind=Kind.URL),
}
_OBJECT = ObjectSchema(
    name="records",
    native="records",
    fields=(*_SPECIMENS.values(), Field(name="currency", label="", kind=Kind.TEXT)),
    amount_field="money",
    currency_field="currency",
)
_APP = AppSchema(account="", objects=(_OBJECT,), users=(User(id="1", name="Ada"),))
_SPEC = SyncSpec(connection="any", object="records", left="one app", right="the other")
_AROUND = Surroundings(
    spec=_SPEC, left=_APP, right=_APP, objects={Side.LEFT: _OBJECT, Side.RIGHT: _OBJECT}
)
_VALUES: dict[Kind, str] = {Kind.ENUM: "a", Kind.BOOLEAN: "true", Kind.TEXT: "x"}

KINDS = tuple(_SPECIMENS)
"""The words of the table, in its order."""


def compare_kinds() -> tuple[Compatibility, ...]:
    """Return every ordered pair of kinds once, the row's kind first."""
    return tuple(_cell(one, two) for one in KINDS for two in KINDS)


def _cell(one: str, two: str) -> Compatibility:
    fit, why = _asked(one, two, ())
    pair = (_VALUES.get(_SPECIMENS[one].kind), _VALUES.get(_SPECIMENS[two].kind))
    if fit is not Fit.BOTH and pair[0] is not None and pair[1] is not None:
        listed, _ = _asked(one, two, ((pair[0], pair[1]),))
        if listed is Fit.BOTH:
            how = f"{fit.value} without `values:`" if fit is not Fit.NOT else "only with `values:`"
            return Compatibility(from_=one, to=two, fit=listed, needs_values=True, why=how)
    return Compatibility(from_=one, to=two, fit=fit, why=why)


def _asked(one: str, two: str, values: tuple[tuple[str, str], ...]) -> tuple[Fit, str]:
    """Ask `relate` itself."""
    mapping = FieldSpec(left=one, right=two, values=values)
    fields = {Side.LEFT: _SPECIMENS[one], Side.RIGHT: _SPECIMENS[two]}
    try:
        relation, _, _ = relate(_AROUND, mapping, fields)
    except MappingError as error:
        return Fit.NOT, str(error)
    if relation.ways is Direction.BOTH:
        return Fit.BOTH, ""
    if relation.ways is Direction.TO_LEFT:
        return Fit.NOT, relation.one_way
    is_text = _SPECIMENS[two].kind is Kind.TEXT
    return Fit.AS_TEXT if is_text else Fit.ONE_WAY, relation.one_way
