"""Whatever stands in the file, the answer is a configuration or problems with places."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daemon.config.load import load_config
from daemon.config.problems import ConfigError
from tests.support.configs import FINDER, GOOD, SECRETS

PIECES = [
    "\t",
    "\n",
    "- ",
    ": ",
    "{",
    "[",
    "]",
    "'",
    '"',
    "&a ",
    "*a ",
    "!x ",
    "? ",
    "<<: ",
    "|",
    "%",
]
pieces = st.sampled_from(PIECES) | st.text(max_size=4)
edits = st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), pieces)


@given(st.lists(edits, min_size=1, max_size=4))
def test_any_damage_is_answered_with_places(damage: list[tuple[int, int, str]]) -> None:
    text = GOOD
    for start, length, piece in damage:
        text = text[:start] + piece + text[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tieline.yaml"
        file.write_bytes(text.encode(errors="surrogatepass"))
        try:
            load_config(file, environment=SECRETS, finder=FINDER)
        except ConfigError as error:
            lines = text.count("\n") + text.count("\r") + text.count("\x85") + 2
            assert error.problems
            for problem in error.problems:
                assert problem.message
                assert 1 <= problem.line <= lines + text.count("\u2028") + text.count("\u2029")
                assert problem.column >= 1
