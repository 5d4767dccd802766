"""One line of `fields:`: what its keys mean together, checked without the apps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation

import msgspec

from actors.errors import MappingError
from actors.mapping.templates import read_template
from actors.records import Side
from actors.spec import Blank, Direction, Drift, FieldSpec, Join, Prefer, Rules
from actors.values import Kind
from daemon.config.model import Conflicts, FieldLine
from daemon.config.problems import Path, suggest

Report = Callable[[Path, str], None]
"""Notes a problem at a path below the line."""

FIELDS_PAGE = """\
## What a field line can do

`tieline types` shows which kinds of fields map both ways, one way as text, or not at all, and
why. Whatever a line does, `tieline check` tries it before it runs: what cannot be undone is
refused both ways, with the reason.

| line | what it does |
|---|---|
| `{hubspot: dealname, erp: description}` | two fields, both ways |
| `{hubspot: dealtype, erp: kind, values: {newbusiness: New, existingbusiness: Old}}` | a choice \
to a choice, a text or a yes/no |
| `{hubspot: phone, erp: phone, kind: phone}` | `+1 (555) 010-0000` and `+15550100000` are the \
same: nothing is rewritten. Fields that an app declares as phone, e-mail, domain or web address \
need no `kind` |
| `{hubspot: phone, erp: phone, kind: phone, form: [e164]}` | the same, and what is written is \
written as `+15550100000` |
| `{hubspot: city, erp: city, form: [collapse, upper]}` | written in capitals; capitals and white \
space do not count when the two are compared |
| `{hubspot: chance, erp: probability, scale: 0.01}` | 25 there is 0.25 here |
| `{hubspot: [firstname, lastname], erp: name}` | `Ada Lovelace` is split and joined; with \
`join: ", "` another sign stands between the parts |
| `{erp: comment, template: "{firstname} {lastname}[ - {company}]"}` | a text made of the other \
app's fields, one way; what stands in `[ ]` is left out if a field in it is empty |
| `{erp: source, constant: HubSpot}` | always holds that; `drift: restore` puts it back |
| `{hubspot: dealtype, erp: kind, default: {erp: New}}` | a new record gets it if the other app's \
field is empty; without the other app's field, always |
| `{hubspot: amount, erp: name, direction: to-erp}` | any value into a text, one way |

`rule` says in one phrase what several keys say:

| rule | means |
|---|---|
| `two-way` | both apps; the latest edit wins; an emptied field is emptied there too |
| `always APP` | only that app's value counts, also when it is empty; others are put back |
| `prefer APP unless blank` | while that app has a value, only that travels; while it has none, \
the other's does |
| `don't sync` | the line stays in the file but does nothing |
"""


def read_field(line: FieldLine, rules: Rules, names: tuple[str, str], report: Report) -> FieldSpec:
    """Make the spec of a line; what is wrong is reported, and stands for nothing else.

    Args:
        rules: those of the whole sync.
        names: of the two apps.
    """
    own = override(rules, line.conflicts or Conflicts(), blank=line.blank, drift=line.drift)
    spec = FieldSpec(
        left=line.left[0] if line.left else "",
        right=line.right[0] if line.right else "",
        direction=line.direction,
        values=line.values,
        too_long=line.too_long,
        kind=Kind(line.kind) if line.kind else None,
        form=line.form,
        scale=_scale(line, report),
        join=_join(line, report),
        template=line.template,
        constant=line.constant,
        defaults={
            side: text
            for side, text in ((Side.LEFT, line.default.left), (Side.RIGHT, line.default.right))
            if text is not None
        },
    )
    _check_shape(line, spec, names, report)
    if line.rule is not None:
        spec, own = _ruled(line, spec, own, names, report)
    return msgspec.structs.replace(spec, rules=None if own == rules else own)


def override(rules: Rules, conflicts: Conflicts, **others: object) -> Rules:
    """Return `rules` with what is set in its place."""
    wanted = {"prefer": conflicts.prefer, "window": conflicts.window, **others}
    old = {name: getattr(rules, name) for name in Rules.__struct_fields__}
    return Rules(**{**old, **{name: new for name, new in wanted.items() if new is not None}})


def written_names(field: FieldSpec, direction: Direction) -> Iterator[tuple[Side, str]]:
    """Yield the fields that a line writes when it goes in this direction."""
    if field.is_off:
        return
    for side in filter(direction.allows, Side):
        is_joined = field.join is not None and field.join.side is side
        named = field.join.fields if field.join and is_joined else (field.name(side),)
        yield from ((side, name) for name in named if name)


def _scale(line: FieldLine, report: Report) -> Decimal | None:
    if line.scale is None:
        return None
    try:
        scale = Decimal(line.scale)
    except InvalidOperation:
        scale = Decimal(0)
    if not scale.is_finite() or not Decimal("1e-12") <= abs(scale) <= Decimal("1e12"):
        report(("scale",), f"{line.scale!r} is no number to multiply by; write it like 0.01 or 100")
        return None
    return scale


def _join(line: FieldLine, report: Report) -> Join | None:
    several = [side for side, some in _named(line) if len(some) > 1]
    if not several:
        if line.join is not None:
            report(("join",), "is about a list of fields, but each app has one here; remove it")
        return None
    side = several[0]
    by = " " if line.join is None else line.join
    if by == "":
        report(("join",), "is empty, so the parts could not be told apart; write a sign or a blank")
    if len(several) > 1 or len(set(dict(_named(line))[side])) < len(dict(_named(line))[side]):
        report((side.value,), "a list stands on one side only, and names each field once")
    return Join(side=side, fields=dict(_named(line))[side], by=by or " ")


def _named(line: FieldLine) -> tuple[tuple[Side, tuple[str, ...]], ...]:
    return ((Side.LEFT, line.left), (Side.RIGHT, line.right))


def _check_shape(line: FieldLine, spec: FieldSpec, names: tuple[str, str], report: Report) -> None:
    """Check that the line has the fields that its keys ask for, and no more."""
    missing = [name for (_, some), name in zip(_named(line), names, strict=True) if not some]
    made = [key for key in ("template", "constant") if getattr(line, key) is not None]
    if len(missing) == 2:
        report((), f"names no field; add `{names[0]}: ...` and `{names[1]}: ...`")
    elif made and not missing:
        report(
            (made[0],), f"makes the value itself; remove the field of the other app, or {made[0]}"
        )
    elif len(made) > 1:
        report((made[1],), "a field has a template or a constant, not both; keep one")
    elif missing and not made and not _is_default_only(spec):
        report((), f"`{missing[0]}` is missing; add `{missing[0]}: ...`")
    for side in spec.defaults:
        if not spec.name(side) or made:
            report(("default", side.value), "there is no field that this could be for; remove it")
    if spec.template is not None:
        try:
            read_template(spec.template)
        except MappingError as error:
            report(("template",), str(error))


def _is_default_only(spec: FieldSpec) -> bool:
    return any(spec.name(side) for side in spec.defaults)


# --- rules by name --------------------------------------------------------------------------


def _ruled(
    line: FieldLine, spec: FieldSpec, own: Rules, names: tuple[str, str], report: Report
) -> tuple[FieldSpec, Rules]:
    """Return what a named rule makes of a line (F22a)."""
    for key in ("direction", "blank", "drift"):
        if getattr(line, key) is not None:
            report((key,), f"`rule: {line.rule}` says that already; keep one of the two")
    if line.conflicts is not None and line.conflicts.prefer is not None:
        report(("conflicts", "prefer"), f"`rule: {line.rule}` says that already; keep one")
    words = " ".join((line.rule or "").casefold().replace("\u2019", "'").split())
    sides = {name.casefold(): side for name, side in zip(names, Side, strict=True)}
    if words in ("don't sync", "do not sync"):
        return msgspec.structs.replace(spec, is_off=True), own
    if words in ("two-way", "two way"):
        rules = override(own, Conflicts(prefer=Prefer.LATEST), blank=Blank.PROPAGATE)
        return msgspec.structs.replace(spec, direction=Direction.BOTH), rules
    found = re.fullmatch(r"(always|prefer) (\S+)( unless blank)?", words)
    side = sides.get(found[2]) if found else None
    if found is None or side is None or (found[1] == "prefer") is not bool(found[3]):
        known = ["two-way", "don't sync"]
        known += [f"{one} {n}{two}" for one, two in _PHRASES for n in names]
        report(("rule",), f"{line.rule!r} is no rule; {suggest(line.rule or '', known)}")
        return spec, own
    away = Direction.TO_RIGHT if side is Side.LEFT else Direction.TO_LEFT
    if found[1] == "always":
        rules = override(own, Conflicts(), blank=Blank.PROPAGATE, drift=Drift.RESTORE)
        return msgspec.structs.replace(spec, direction=away), rules
    prefer = Prefer.LEFT if side is Side.LEFT else Prefer.RIGHT
    rules = override(own, Conflicts(prefer=prefer), blank=Blank.IGNORE, lead=side)
    return msgspec.structs.replace(spec, direction=Direction.BOTH), rules


_PHRASES = (("always", ""), ("prefer", " unless blank"))
