"""Which fields of two objects are the same: by meaning, name, label, kind and role. Pure.

Only what the daemon could map is proposed: the engine itself is asked whether a line would do.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import cast

import msgspec
from msgspec import Struct

from actors.mapping.compile import compile_sync
from actors.mapping.relate import Surroundings
from actors.records import Side
from actors.schema import AppSchema, Field, ObjectSchema
from actors.spec import FieldSpec, SyncSpec
from actors.values import Kind
from daemon.automap.proposals import SHOWN_FROM, FieldProposal
from daemon.automap.words import Vocabulary, likeness, load_words

MOST_FIELDS = 40
"""More proposals for one object are more than a person judges with care."""

_AMOUNT, _AMOUNT_REASON = 0.98, "both apps keep the amount of a deal in it; its currency goes along"
_ALIKE, _TEXT_COUNTS = 0.82, 0.92
_LEFT_OVER, _AMBIGUOUS, _LEAST_SURE = 0.16, 0.9, 0.4
_OTHER_KIND, _ONE_WAY = 0.94, 0.7
_BORROWED = {"deals": ("contacts", "companies")}
_DAYS = frozenset({Kind.DATE, Kind.DATETIME})


class Meaning(Struct, frozen=True):
    """What a name means.

    Attributes:
        sure: 0 to 1; falls with each word that the meaning does not explain.
        is_weak: the words may mean something else as well.
    """

    concept: str
    sure: float
    is_weak: bool = False

    @property
    def rank(self) -> tuple[bool, float]:
        """Order by how much to rely on it."""
        return (not self.is_weak, self.sure)


class Marked(Struct, frozen=True):
    """A field with what we know of it.

    Attributes:
        texts: the words of its label and of its name.
        apart: groups of words that set it apart from fields without (`shipping`).
    """

    field: Field
    texts: tuple[tuple[str, ...], ...]
    meaning: Meaning | None
    apart: frozenset[str]


def propose_fields(spec: SyncSpec, left: AppSchema, right: AppSchema) -> tuple[FieldProposal, ...]:
    """Propose pairs of the fields that the sync does not map yet.

    Returns:
        Proposals from `SHOWN_FROM` up, each field once, the surest first; at most `MOST_FIELDS`.
    """
    objects = {Side.LEFT: left.object(spec.object), Side.RIGHT: right.object(spec.object)}
    there = {side: schema for side, schema in objects.items() if schema is not None}
    if len(there) < len(objects):
        return ()
    around = Surroundings(spec=spec, left=left, right=right, objects=there)
    lefts, rights = (_mark_all(spec, side, there) for side in (Side.LEFT, Side.RIGHT))
    found = [one for pair in product(lefts, rights) if (one := _propose(around, *pair))]
    return tuple(_choose(found)[:MOST_FIELDS])


def _choose(found: Iterable[FieldProposal]) -> list[FieldProposal]:
    """Take the best proposals, each field once."""
    chosen: list[FieldProposal] = []
    lefts: set[str] = set()
    rights: set[str] = set()
    for one in sorted(found, key=lambda one: -one.score):
        if one.left.name not in lefts and one.right.name not in rights:
            chosen.append(one)
            lefts.add(one.left.name)
            rights.add(one.right.name)
    return chosen


# --- one field ------------------------------------------------------------------------------


@cache
def _vocabulary(word: str) -> Vocabulary:
    """Return what names on an object mean: by its own phrases first, then by borrowed ones.

    Those keep a contact's first name on a deal from being taken for the deal's own name.
    """
    words = load_words("fields")
    concepts: dict[str, list[str]] = {}
    said: set[str] = set()
    for section in (word, "any", *_BORROWED.get(word, ())):
        rows = cast(dict[str, list[str]], words.get(section, {}))
        for key, phrases in rows.items():
            new = [one for one in phrases if one not in said]
            if section not in (word, "any"):
                new = [one for one in new if not one.endswith("?") and f"{one}?" not in said]
            concepts.setdefault(key, []).extend(new)
        said |= {one for phrases in rows.values() for one in phrases}
    return Vocabulary(concepts, cast(list[str], words["skip"]))


@cache
def _neutral() -> Vocabulary:
    words = load_words("fields")
    return Vocabulary({"neutral": cast(list[str], words["neutral"])})


@cache
def _kept_apart() -> Vocabulary:
    return Vocabulary(cast(dict[str, list[str]], load_words("fields")["kept_apart"]))


def _mark_all(spec: SyncSpec, side: Side, there: dict[Side, ObjectSchema]) -> list[Marked]:
    """Return the fields of one side that a mapping could still use."""
    schema = there[side]
    mapped = {one.left if side is Side.LEFT else one.right for one in spec.fields}
    own = {schema.pipeline_field, schema.stage_field, schema.key_field}
    if all(one.amount_field and one.currency_field for one in there.values()):
        own.add(schema.currency_field)
    marked = [
        _read(field, spec.object) for field in schema.fields if field.name not in mapped | own
    ]
    return _with_title(marked)


def _with_title(marked: list[Marked]) -> list[Marked]:
    """Take a one-line description for the record's title where no field is called one."""
    if any(one.meaning is not None and one.meaning.concept == "title" for one in marked):
        return marked
    return [
        Marked(one.field, one.texts, Meaning("title", 0.95), one.apart)
        if one.meaning is not None
        and one.meaning.concept == "description"
        and not one.field.multiline
        else one
        for one in marked
    ]


def _read(field: Field, word: str) -> Marked:
    vocabulary = _vocabulary(word)
    texts = tuple(dict.fromkeys(map(vocabulary.words, (field.label, field.name))))
    meanings = [one for text in texts if (one := _find_meaning(vocabulary, text))]
    if all(one.is_weak for one in meanings):
        meanings.reverse()  # labels are short and ambiguous: then the name decides
    apart = {one.phrase.concept for text in texts for one in _kept_apart().find(text)}
    best = max(meanings, key=lambda one: one.rank, default=None)
    return Marked(field, texts, best, frozenset(apart))


def _find_meaning(vocabulary: Vocabulary, words: tuple[str, ...]) -> Meaning | None:
    """Return what the phrase that tells most means, less sure for each word beside it."""
    neutral = {at for one in _neutral().find(words) for at in range(one.start, one.end)}
    found = vocabulary.find(words)
    telling = [one for one in found if not set(range(one.start, one.end)) <= neutral]
    best = next(iter(telling or found), None)
    if best is None:
        return None
    beside = set(range(len(words))) - set(range(best.start, best.end)) - neutral
    sure = (_AMBIGUOUS if best.phrase.is_weak else 1) - _LEFT_OVER * len(beside)
    return Meaning(best.phrase.concept, max(sure, _LEAST_SURE), best.phrase.is_weak)


# --- two fields -----------------------------------------------------------------------------


def _propose(around: Surroundings, left: Marked, right: Marked) -> FieldProposal | None:
    score, reasons = _score(around, left, right)
    if score < SHOWN_FROM:
        return None
    fields = {Side.LEFT: left.field, Side.RIGHT: right.field}
    targets = [side for side in Side if around.spec.direction.allows(side)]
    writable = [side for side in targets if fields[side].writable]
    if not writable or not can_map(
        around.spec, around.left, around.right, (left.field.name, right.field.name)
    ):
        return None
    if len(writable) < len(targets):
        side = next(side for side in targets if side not in writable)
        score *= _ONE_WAY
        reasons.append(
            f"only towards {around.spec.app(side.other)}: {around.spec.app(side)} "
            "does not let it be changed"
        )
    if score < SHOWN_FROM:
        return None
    return FieldProposal(
        left=left.field, right=right.field, score=round(score, 2), reasons=tuple(reasons)
    )


def _score(around: Surroundings, left: Marked, right: Marked) -> tuple[float, list[str]]:
    """Score by names and kinds, without asking yet whether the two can be mapped."""
    names = [around.objects[side].amount_field for side in (Side.LEFT, Side.RIGHT)]
    if names == [left.field.name, right.field.name]:
        return _AMOUNT, [_AMOUNT_REASON]
    if left.apart != right.apart:
        return 0.0, []
    score, reason = _compare_names(left, right)
    kinds = {left.field.kind, right.field.kind}
    if len(kinds) > 1 and kinds != _DAYS:
        words = " and ".join(one.field.kind.value for one in (left, right))
        return score * _OTHER_KIND, [reason, f"{words} fit each other"]
    return score, [
        reason,
        f"both are {left.field.kind.value} fields" if len(kinds) == 1 else "both are dates",
    ]


def _compare_names(left: Marked, right: Marked) -> tuple[float, str]:
    text = max(likeness(one, two) for one in left.texts for two in right.texts)
    one, two = left.meaning, right.meaning
    if one is not None and two is not None:
        if one.concept != two.concept:
            return 0.0, ""
        sure = min(one.sure, two.sure)
        return max(sure, text * _TEXT_COUNTS), f'both mean "{_spoken(one.concept)}"'
    if text == 1:
        return 0.95, "the same name"
    return (text * _TEXT_COUNTS if text >= _ALIKE else 0.0), f"the names are alike ({text:.2f})"


def _spoken(concept: str) -> str:
    return concept.replace("_", " ")


def can_map(spec: SyncSpec, left: AppSchema, right: AppSchema, fields: Iterable[str]) -> bool:
    """Say whether a sync may have this line as well, by the rules that the daemon goes by.

    Args:
        fields: the left field's name and the right one's.
    """
    one, two = fields
    lines = (*spec.fields, FieldSpec(left=one, right=two))
    wanted = msgspec.structs.replace(spec, fields=lines, filters={})
    _, problems = compile_sync(wanted, left, right)
    return not any(problem.path[:2] == ("fields", len(spec.fields)) for problem in problems)
