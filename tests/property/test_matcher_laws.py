"""Laws of match keys: alike stays alike, and what an app is asked for gives the same key (F26)."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mapping.matchers import LONGEST_KEY, Matcher, keys_of, normalise
from actors.records import Side
from actors.spec import Normal
from daemon.duplicates.likeness import Traits, blocks_of, compare

ODD = "  ÄäßİıøØ\u200b\u00ad\u0301\uff21@.:/?#()+-_%\\\t\r\nwWxX0\u0661"
texts = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=ODD + "abcdewww.0123", max_size=40),
    st.from_regex(r"(https?://)?(www\.)*[a-zäö]{1,9}\.(com|de|se)(:\d+)?(/\w*)?", fullmatch=True),
    st.from_regex(r"(\+|00)?[0-9 ()/-]{4,20}( ?(x|ext\.?) ?\d+)?", fullmatch=True),
    st.from_regex(r" ?[A-Za-zÄö.+]{1,9}@[a-zA-Zäß-]{1,9}\.[a-z]{2,3} ?", fullmatch=True),
)
normals = st.sampled_from(list(Normal))


def matcher(normal: Normal) -> Matcher:
    return Matcher(left="a", right="b", normal=normal)


@given(normals, texts)
def test_f26_what_is_alike_already_stays_as_it_is(normal: Normal, raw: str) -> None:
    once = normalise(normal, raw)
    if once is not None:
        assert once and normalise(normal, once) == once


@given(normals, texts)
def test_f26_every_spelling_that_an_app_is_asked_for_gives_the_same_key(
    normal: Normal, raw: str
) -> None:
    rule = matcher(normal)
    keys = {rule.key_of(spelling) for spelling in rule.spellings(raw)}
    assert keys == ({rule.key_of(raw)} if rule.key_of(raw) is not None else set())


@given(normals, st.one_of(texts, st.text(min_size=150, max_size=900)))
def test_f26_a_key_can_be_stored_and_is_bounded(normal: Normal, raw: str) -> None:
    key = matcher(normal).key_of(raw)
    if key is not None:
        assert key.startswith("a=b:") and len(key) <= LONGEST_KEY
        assert "\x00" not in key
        key.encode("utf-8")


@given(texts)
def test_f26_case_space_and_composition_make_no_other_name(raw: str) -> None:
    spelled = f"\n {unicodedata.normalize('NFD', raw)}\u200b  "
    assert normalise(Normal.TEXT, spelled) == normalise(Normal.TEXT, raw)


@given(normals, texts, texts)
def test_f26_both_sides_of_a_rule_make_keys_the_same_way(
    normal: Normal, one: str, two: str
) -> None:
    rule = matcher(normal)
    left, right = rule.key(Side.LEFT, {"a": one, "b": two}), rule.key(Side.RIGHT, {"b": one})
    assert left == right
    assert keys_of((rule, rule), Side.LEFT, {"a": one}) == ((left,) if left else ())


@pytest.mark.parametrize(
    ("normal", "one", "two"),
    [
        (Normal.TEXT, "Løken  & Söhne", "loken & SOHNE"),
        (Normal.TEXT, "Straße", "STRASSE"),
        (Normal.EMAIL, " Ada@Example.ORG", "mailto:ada@example.org"),
        (Normal.EMAIL, "ada@münchen.de", "ADA@xn--mnchen-3ya.de"),
        (Normal.DOMAIN, "https://www.Example.com/about?x=1#y", "example.com"),
        (Normal.DOMAIN, "info@example.com", "http://example.com:8080/"),
        (Normal.DOMAIN, "www.münchen.de.", "xn--mnchen-3ya.de"),
        (Normal.PHONE, "+47 22 33 44 55", "0047-22334455"),
        (Normal.PHONE, "+44 (0)20 7946 0018", "44 20 79460018"),
        (Normal.PHONE, "+47 22 33 44 55 ext. 12", "+4722334455 x9"),
        (Normal.EXACT, " A-1 ", "A-1"),
    ],
)
def test_f26_these_are_alike(normal: Normal, one: str, two: str) -> None:
    assert normalise(normal, one) == normalise(normal, two) is not None


@pytest.mark.parametrize(
    ("normal", "one", "two"),
    [
        (Normal.EXACT, "A-1", "a-1"),
        (Normal.TEXT, "Pump 1", "Pump 2"),
        (Normal.EMAIL, "ada@example.org", "ada@example.com"),
        (Normal.DOMAIN, "example.com", "shop.example.com"),
        (Normal.PHONE, "+4722334455", "+4722334456"),
    ],
)
def test_f26_these_differ(normal: Normal, one: str, two: str) -> None:
    assert normalise(normal, one) != normalise(normal, two)


@pytest.mark.parametrize(
    ("normal", "raw"),
    [
        (Normal.TEXT, " \u200b\t"),
        (Normal.EMAIL, "not an address"),
        (Normal.EMAIL, "@example.org"),
        (Normal.DOMAIN, "localhost"),
        (Normal.DOMAIN, "www.com"),
        (Normal.PHONE, "n/a"),
        (Normal.PHONE, "123"),
        (Normal.EXACT, "a\x00b"),
        (Normal.TEXT, "\ud800"),
        (Normal.TEXT, ""),
        (Normal.TEXT, None),
    ],
)
def test_f26_what_says_nothing_is_no_key(normal: Normal, raw: str | None) -> None:
    wanted = "www.com" if raw == "www.com" else None
    assert normalise(normal, raw) == wanted


names = st.text(alphabet="abc dé", max_size=8)
traits = st.builds(
    lambda name, email, phone, amount: Traits(
        name,
        normalise(Normal.TEXT, name) or "",
        frozenset(email),
        frozenset(),
        frozenset(phone),
        amount,
    ),
    names,
    st.sets(st.sampled_from(["a@x.org", "b@x.org"]), max_size=1),
    st.sets(st.sampled_from(["4722334455", "4722334456"]), max_size=1),
    st.sampled_from(["", "5", "6"]),
)


@given(traits, traits)
def test_f26_likeness_is_the_same_from_both_ends_and_within_bounds(
    one: Traits, two: Traits
) -> None:
    there, back = compare(one, two), compare(two, one)
    assert there == back
    assert 0 <= there.score <= 1
    assert (there.score > 0) == bool(there.reasons)


@given(traits)
def test_f26_a_record_and_its_double_share_a_drawer_and_are_most_alike(one: Traits) -> None:
    if one.name or one.emails or one.phones:
        assert blocks_of(one)
        assert compare(one, one).score >= 0.65
