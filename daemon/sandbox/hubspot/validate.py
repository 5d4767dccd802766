"""Which property values the vendor lets in, and what it stores for them.

Pure: from a schema, the values sent and the account's facts to the stored strings, or to every
bad property at once. Uniqueness needs the other records and is checked where they are kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from daemon.sandbox.hubspot.catalog import ObjectSchema, Property
from daemon.sandbox.hubspot.wire import ErrorDetail, Refusal, invalid, iso

__all__ = [
    "Facts",
    "Problem",
    "Value",
    "check_required",
    "check_values",
    "parse_instant",
    "refuse_values",
]

# What a property value may be in a request; null clears, as the empty string does.
Value = str | int | float | bool | None

MAX_STRING_LENGTH = 65_536
THOUSAND_YEARS_MS = 1000 * 365 * 86_400_000 + 242 * 86_400_000
DAY_MS = 86_400_000
# Zero-width space, joiners and the byte order mark: the vendor counts them as blanks.
INVISIBLE = "\u200b\u200c\u200d\ufeff"


class Facts(Struct, frozen=True, kw_only=True):
    """What validation has to know of the account.

    Args:
        now_ms: the account's clock, for the span of a thousand years.
        owner_ids: ids of the owners a record may be given to, so not the archived ones.
        currencies: codes active in the account.
        strict_stages: refuse a stage outside the record's pipeline, and a new pipeline
            without a stage of it.
        strict_owners: refuse any owner not in `owner_ids`.
    """

    portal_id: int
    now_ms: int
    owner_ids: frozenset[str]
    currencies: frozenset[str]
    strict_stages: bool = True
    strict_owners: bool = True


class Problem(Struct, frozen=True):
    """Why the value of one property is refused."""

    code: str
    message: str
    name: str
    value: str | None = None


class _Bad(Exception):  # noqa: N818  # private signal from a coercer to its caller
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_values(
    schema: ObjectSchema,
    values: Mapping[str, Value],
    facts: Facts,
    *,
    present: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], list[Problem]]:
    """Decide what to store for the values of one write.

    Args:
        schema: the record's type as the account has it.
        values: property names and values as sent.
        facts: owners, currencies and the clock.
        present: the record's stored values, for an update; None for a create.

    Returns:
        The strings to store by name ("" clears), and the problems, in the order sent. With any
        problem nothing of the write may be stored. A value that the vendor silently ignores
        is in neither; a create without pipeline gets the default one.
    """
    stored: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in values.items():
        text = as_text(value)
        try:
            stored[name] = _coerce(schema, name, text, facts, present or {})
        except _Bad as bad:
            problems.append(Problem(bad.code, bad.message, name, text))
    _ignore_step_back(schema, stored, present or {})
    if {schema.type.pipeline_property, schema.type.stage_property}.isdisjoint(
        problem.name for problem in problems
    ):
        problems += _misfits(schema, stored, facts, present)
    return stored, problems


def as_text(value: Value) -> str:
    """The string the vendor makes of a JSON scalar."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return f"{value:.1f}"
        case _:
            return str(value)


def _coerce(
    schema: ObjectSchema, name: str, text: str, facts: Facts, present: Mapping[str, str]
) -> str:
    found = schema.live_property(name)
    if found is None:
        raise _Bad("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
    if found.is_read_only:
        word = "calculated" if found.calculated else "read only"
        raise _Bad("READ_ONLY_VALUE", f'"{name}" is a {word} property; its value cannot be set.')
    if not text:
        return ""
    if found.type != "string" and text != text.strip().strip(INVISIBLE):
        # The vendor's change of April 2025: no blanks around anything but free text.
        raise _Bad(
            "LEADING_TRAILING_WHITESPACE", f'"{text}" includes leading or trailing whitespace.'
        )
    if found.type == "enumeration":
        return _enumeration(schema, found, text, facts, present.get(name, ""))
    coerced = _COERCERS[found.type](text, facts)
    return _email(coerced) if name in schema.type.built_in_unique_properties else coerced


def _string(text: str, facts: Facts) -> str:
    if len(text) > MAX_STRING_LENGTH:
        raise _Bad(
            "INVALID_STRING_LENGTH",
            f"Property value is too long. The maximum length is {MAX_STRING_LENGTH} characters.",
        )
    return text


_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
    r"@(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]*[\w]"
)


def _email(text: str) -> str:
    local = text.partition("@")[0]
    if not _EMAIL.fullmatch(text) or local[:1] == "." or local[-1:] == "." or ".." in local:
        raise _Bad("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.lower()


# A negative exponent is refused live ("1.42e-14 was not a valid number."), a positive one not.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE]\+?\d{1,3})?")


def _number(text: str, facts: Facts) -> str:
    if not _NUMBER.fullmatch(text) or not text.isascii() or math.isinf(float(text)):
        raise _Bad("INVALID_INTEGER", f"{text} was not a valid number.")
    return text


def _bool(text: str, facts: Facts) -> str:
    if text not in {"true", "false"}:
        raise _not_allowed(text, ["true", "false"])
    return text


_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2}))?"
)
_DIGITS = re.compile(r"-?[0-9]{1,18}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_instant(text: str) -> int | None:
    """Milliseconds since 1970 of a date, an ISO 8601 time with zone, or digits; else None.

    A plain date means midnight UTC. Digits past the year 9999 come back as they are.
    """
    if _DIGITS.fullmatch(text):
        return int(text)
    parts = _ISO.fullmatch(text)
    if parts is None:
        return None
    day, clock, fraction, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or 'Z'}")
    except ValueError:
        return None
    whole = moment - _EPOCH
    return (whole.days * 86_400 + whole.seconds) * 1000 + int((fraction or "0")[:3].ljust(3, "0"))


def _instant(text: str, facts: Facts) -> int:
    ms = parse_instant(text)
    if ms is None:
        raise _Bad("INVALID_DATE", f"{text} was not a valid date.")
    if abs(ms - facts.now_ms) > THOUSAND_YEARS_MS:
        raise _Bad("INVALID_DATE", f"{text} is more than 1,000 years ago or 1,000 years from now.")
    return ms


def _datetime(text: str, facts: Facts) -> str:
    return iso(_instant(text, facts))


def _date(text: str, facts: Facts) -> str:
    ms = _instant(text, facts)
    if ms % DAY_MS:
        raise _Bad("INVALID_DATE", f"{ms} is at {_clock(ms)} UTC, not midnight!")
    return iso(ms)[:10]


def _clock(ms: int) -> str:
    """The time of day as the vendor's message spells it: nothing padded, `13:1:0.0`."""
    seconds, millis = divmod(ms % DAY_MS, 1000)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60}:{second}.{millis}"


_COERCERS: dict[str, Callable[[str, Facts], str]] = {
    "string": _string,
    "phone_number": _string,
    "json": _string,
    "object_coordinates": _string,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
}


def _not_allowed(text: str, allowed: Iterable[str]) -> _Bad:
    return _Bad(
        "INVALID_OPTION",
        f"{text} was not one of the allowed options: [{', '.join(allowed)}]",
    )


def _enumeration(
    schema: ObjectSchema, found: Property, text: str, facts: Facts, present: str
) -> str:
    allowed = _allowed(schema, found, facts)
    if found.field_type != "checkbox":
        if allowed is not None and text not in allowed and not _is_kept(found, text, present):
            raise _refused_option(found, text, allowed)
        return text
    chosen = _split(text)
    for value in chosen:
        if allowed is not None and value not in allowed:
            raise _refused_option(found, value, allowed)
    # A leading separator adds to what is there instead of replacing it.
    before = _split(present) if text.startswith(";") else []
    return ";".join(dict.fromkeys([*before, *chosen]))


def _split(text: str) -> list[str]:
    return [value for value in text.split(";") if value]


def _is_kept(found: Property, text: str, present: str) -> bool:
    """Whether it is the archived owner the record already has, sent back unchanged."""
    return found.referenced_object_type == "OWNER" and text == present


def _refused_option(found: Property, text: str, allowed: Iterable[str]) -> _Bad:
    if found.referenced_object_type == "OWNER":
        return _Bad("INVALID_OWNER_ID", f"Owner {text} does not exist or is not active")
    return _not_allowed(text, allowed)


def _allowed(schema: ObjectSchema, found: Property, facts: Facts) -> list[str] | None:
    """The values an enumeration takes; None where the sandbox keeps no list of them."""
    if found.referenced_object_type == "OWNER":
        return sorted(facts.owner_ids) if facts.strict_owners else None
    if found.name == schema.type.pipeline_property:
        return [pipeline.id for pipeline in schema.live_pipelines()]
    if found.name == schema.type.stage_property:
        return [stage.id for _, stage in schema.stages()]
    if found.name == "deal_currency_code":
        return sorted(facts.currencies)
    if found.external_options or not (found.options or found.field_type != "checkbox"):
        return None
    return [option.value for option in found.options]


def _ignore_step_back(
    schema: ObjectSchema, stored: dict[str, str], present: Mapping[str, str]
) -> None:
    """Drop a life cycle stage before the present one: the vendor ignores it, unless cleared."""
    wanted, now = stored.get("lifecyclestage"), present.get("lifecyclestage")
    if not wanted or not now:
        return
    order = {
        option.value: option.display_order for option in schema.properties["lifecyclestage"].options
    }
    if order.get(wanted, 0) < order.get(now, 0):
        del stored["lifecyclestage"]


def _misfits(
    schema: ObjectSchema, stored: dict[str, str], facts: Facts, present: Mapping[str, str] | None
) -> list[Problem]:
    """Check stage against pipeline; on a create, fill in the default pipeline.

    Both belong together: a stage of another pipeline than the record's is refused, and so is
    a change of pipeline that leaves the old stage (hubspot-api.md, section 7).
    """
    line, step = schema.type.pipeline_property, schema.type.stage_property
    if not line:
        return []
    if present is None:
        stored.setdefault(line, _default_pipeline(schema))
    cleared = [name for name in (line, step) if stored.get(name) == ""]
    if cleared and (present is not None or line in cleared):
        return [_misfit(schema, name, "") for name in cleared]
    was = present or {}
    moved = line in stored and stored[line] != was.get(line)
    if not facts.strict_stages or not (stored.get(step) or (moved and present is not None)):
        return []
    pipeline = stored.get(line, was.get(line, ""))
    stage = stored.get(step, was.get(step, ""))
    found = schema.find_stage(stage)
    fits = found is not None and found[0].id == pipeline
    return [] if fits else [_misfit(schema, step, stage, pipeline)]


def _default_pipeline(schema: ObjectSchema) -> str:
    live = schema.live_pipelines()
    return next((item.id for item in live if item.id == "default"), live[0].id if live else "")


def _misfit(schema: ObjectSchema, name: str, text: str, pipeline: str = "") -> Problem:
    if name == schema.type.pipeline_property:
        allowed = [item.id for item in schema.live_pipelines()]
    else:
        allowed = [s.id for line, s in schema.stages() if pipeline in {"", line.id}]
    bad = _not_allowed(text, allowed)
    return Problem(bad.code, bad.message, name, text)


def refuse_values(problems: Iterable[Problem], portal_id: int) -> Refusal:
    """The vendor's 400 for bad values: a JSON array inside the message, and `errors`."""
    found = list(problems)
    array = [_in_message(problem, portal_id) for problem in found]
    text = msgspec.json.encode(array).decode()
    errors = [
        ErrorDetail(
            message=problem.message, code=problem.code, context={"propertyName": [problem.name]}
        )
        for problem in found
    ]
    return invalid(f"Property values were not valid: {text}", errors=errors)


def _in_message(problem: Problem, portal_id: int) -> dict[str, object]:
    entry: dict[str, object] = {
        "isValid": False,
        "message": problem.message,
        "error": problem.code,
        "name": problem.name,
        "localizedErrorMessage": problem.message,
    }
    if problem.value and problem.code not in {"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"}:
        entry["propertyValue"] = problem.value
    return {**entry, "portalId": portal_id}


def check_required(
    schema: ObjectSchema, stored: Mapping[str, str], form: Iterable[str] = ()
) -> None:
    """Refuse a create that lacks what its type needs.

    Args:
        schema: the record's type as the account has it.
        stored: what `check_values` would store.
        form: properties that the account's create form requires; only newer versions ask.

    Raises:
        Refusal: 400, naming the missing properties in its context.
    """
    needed = [*schema.type.required_properties, *form]
    missing = [name for name in dict.fromkeys(needed) if not stored.get(name)]
    choice = schema.type.require_one_of
    if choice and not any(stored.get(name) for name in choice):
        missing += [name for name in choice if name not in missing]
    if missing:
        raise invalid(
            f"Error creating {schema.type.fully_qualified_name}. "
            "Some required properties were not set.",
            context={"properties": missing},
        )
