"""`dump` is the inverse of `parse` up to canonical equality."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import OutsideDomainError
from actors.values import Kind, dump, parse
from tests.support.strategies import RAWS, raws


@pytest.mark.parametrize("kind", RAWS)
@given(st.data())
def test_what_was_parsed_survives_being_written_and_read(kind: Kind, data: st.DataObject) -> None:
    try:
        value = parse(kind, data.draw(raws(kind)))
    except OutsideDomainError as error:
        assert str(error)
        return
    written = dump(kind, value)
    assert parse(kind, written) == value
    assert dump(kind, parse(kind, written)) == written
    assert written != ""
