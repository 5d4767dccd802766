"""Relations of two texts: what each side can hold, and in which form the two are compared."""

from __future__ import annotations

import msgspec

from actors.mapping.relations import Text, TextForm
from actors.mapping.transforms import Formed
from actors.phones import PhoneBook
from actors.records import Side
from actors.schema import Field
from actors.spec import Direction, FieldSpec, Form, TooLong
from actors.values import Kind

TEXTS = frozenset({Kind.TEXT, Kind.PHONE, Kind.EMAIL, Kind.DOMAIN, Kind.URL})

_COMPARED: dict[Kind, tuple[Form, ...]] = {
    Kind.TEXT: (),
    Kind.PHONE: (Form.E164,),
    Kind.EMAIL: (Form.EMAIL,),
    Kind.DOMAIN: (Form.DOMAIN,),
    Kind.URL: (Form.URL,),
}
_BARE = frozenset({Form.TRIM, Form.COLLAPSE})


def relate_texts(mapping: FieldSpec, fields: dict[Side, Field], phones: PhoneBook) -> Text | None:
    """Return the relation of two texts, or None if the two can never say the same."""
    left, right = fields[Side.LEFT], fields[Side.RIGHT]
    kinds = {left.kind, right.kind}
    own = kinds - {Kind.TEXT}
    if own == {Kind.EMAIL, Kind.DOMAIN}:
        return _domain_of_address(mapping, left, right)
    if own == {Kind.URL, Kind.DOMAIN}:
        return _formed(
            mapping,
            left,
            right,
            compare=(Form.DOMAIN,),
            write_left=(Form.DOMAIN if left.kind is Kind.DOMAIN else Form.LINK,),
            write_right=(Form.DOMAIN if right.kind is Kind.DOMAIN else Form.LINK,),
        )
    if len(own) > 1:
        return None
    compare = tuple(form for kind in own for form in _COMPARED[kind])
    if not compare and not mapping.form:
        return Text(left=text_form(left), right=text_form(right), too_long=mapping.too_long)
    forms = dict.fromkeys((*compare, *mapping.form))
    written = dict.fromkeys(mapping.form)
    return _formed(
        mapping,
        left,
        right,
        compare=tuple(forms),
        write_left=tuple(written),
        write_right=tuple(written),
        phones=phones,
    )


def _domain_of_address(mapping: FieldSpec, left: Field, right: Field) -> Formed:
    on_right = right.kind is Kind.DOMAIN
    relation = _formed(mapping, left, right, compare=(Form.DOMAIN,))
    return msgspec.structs.replace(
        relation,
        write_left=(Form.DOMAIN,),
        write_right=(Form.DOMAIN,),
        reach=Direction.TO_RIGHT if on_right else Direction.TO_LEFT,
        because="the domain of an e-mail address can be told, but not the address of a domain",
    )


def _formed(
    mapping: FieldSpec,
    left: Field,
    right: Field,
    *,
    compare: tuple[Form, ...],
    write_left: tuple[Form, ...] = (),
    write_right: tuple[Form, ...] = (),
    phones: PhoneBook | None = None,
) -> Formed:
    """Return the relation; half a number or address is none, so those are never shortened."""
    is_plain = _BARE | {Form.LOWER, Form.UPPER, Form.TITLE}
    trims = not _BARE.isdisjoint(compare) or not is_plain.issuperset(compare)
    return Formed(
        left=text_form(left, trims=trims),
        right=text_form(right, trims=trims),
        too_long=mapping.too_long if is_plain.issuperset(compare) else TooLong.REFUSE,
        compare=compare,
        write_left=write_left,
        write_right=write_right,
        phones=phones or PhoneBook(),
    )


def text_form(field: Field, *, trims: bool = False) -> TextForm:
    """Return how a field holds text."""
    return TextForm(
        trims=trims or field.trims, multiline=field.multiline, max_length=field.max_length
    )


def made_text(field: Field, too_long: TooLong) -> Text:
    """Return the relation of a text that tieline makes (left) to the field that takes it."""
    return Text(left=TextForm(), right=text_form(field), too_long=too_long)
