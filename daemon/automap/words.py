"""Names as words, and words as meanings, by the vocabularies that lie beside this module."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

from msgspec import Struct
from rapidfuzz import fuzz

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Phrase(Struct, frozen=True):
    """A row of words in a vocabulary; a word that ends in `*` stands for all that begin so.

    Attributes:
        concept: what the phrase means.
        is_weak: gives way to any other phrase.
    """

    words: tuple[str, ...]
    concept: str
    is_weak: bool = False

    def stands_at(self, at: int, words: tuple[str, ...]) -> bool:
        """Say whether these words are the phrase from that place on."""
        there = words[at : at + len(self.words)]
        return len(there) == len(self.words) and all(map(_fits, self.words, there))


class Found(Struct, frozen=True):
    """A phrase in a name: from which word to before which."""

    phrase: Phrase
    start: int
    end: int

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Order by how much the phrase tells."""
        words = self.phrase.words
        return (not self.phrase.is_weak, len(words), sum(map(len, words)))


class Vocabulary:
    """Phrases with what they mean."""

    def __init__(self, concepts: Mapping[str, Iterable[str]], skip: Iterable[str] = ()) -> None:
        self._skip = frozenset(skip)
        self._phrases: dict[str, list[Phrase]] = {}
        for concept, texts in concepts.items():
            for text in texts:
                self._add(text, concept)
        self._beginnings = tuple(one[:-1] for one in self._phrases if one.endswith("*"))

    def _add(self, text: str, concept: str) -> None:
        words = tuple(w for w in split_words(text, keep="*") if w not in self._skip)
        if words:
            phrase = Phrase(words, concept, text.endswith("?"))
            self._phrases.setdefault(words[0], []).append(phrase)

    def words(self, name: str) -> tuple[str, ...]:
        """Return a name's words without those that say nothing."""
        words = split_words(name)
        return tuple(word for word in words if word not in self._skip) or words

    def find(self, words: tuple[str, ...]) -> tuple[Found, ...]:
        """Return the phrases in a row of words, those that tell most first, none overlapping."""
        taken: set[int] = set()
        kept: list[Found] = []
        for one in sorted(
            self._all_in(words), key=lambda one: (one.rank, -one.start), reverse=True
        ):
            place = range(one.start, one.end)
            if taken.isdisjoint(place):
                taken.update(place)
                kept.append(one)
        return tuple(kept)

    def _all_in(self, words: tuple[str, ...]) -> Iterable[Found]:
        for at, word in enumerate(words):
            keys = [word, *(f"{one}*" for one in self._beginnings if word.startswith(one))]
            for key in keys:
                for phrase in self._phrases.get(key, ()):
                    if phrase.stands_at(at, words):
                        yield Found(phrase, at, at + len(phrase.words))


def split_words(name: str, keep: str = "") -> tuple[str, ...]:
    """Return a name's words in lower case without accents; `keep` is a character to leave in."""
    text = _CAMEL.sub(" ", name).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("'s ", " ")
    bare = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in bare if not unicodedata.combining(char))
    marked = plain.replace(keep, "\0") if keep else plain
    return tuple(word.replace("\0", keep) for word in re.split(r"[^\w\0]+|_+", marked) if word)


def _fits(pattern: str, word: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def likeness(one: tuple[str, ...], two: tuple[str, ...]) -> float:
    """Return how alike two rows of words are as text, 0 to 1, in whatever order they stand."""
    left, right = " ".join(one), " ".join(two)
    return max(fuzz.ratio(left, right), fuzz.token_sort_ratio(left, right)) / 100


@cache
def load_words(name: str) -> dict[str, object]:
    """Read one of the vocabularies of this package."""
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))
