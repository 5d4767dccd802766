"""What is remembered of records besides the store: who is busy, old or in doubt."""

from __future__ import annotations

from actors.attention import Attention
from tests.support.builders import LEFT, RIGHT


def test_a_link_is_busy_until_each_of_its_intents_has_its_outcome() -> None:
    attention = Attention()
    attention.opened(1)
    attention.opened(1)
    attention.closed(1)
    assert attention.is_busy(1)
    attention.closed(1)
    assert not attention.is_busy(1)
    attention.closed(1)  # an outcome that came twice
    attention.opened(1)
    assert attention.is_busy(1)
    assert not attention.is_busy(2)


def test_h41_an_answer_to_a_request_older_than_what_was_heard_is_outdated() -> None:
    attention = Attention()
    attention.heard(LEFT, "a", at=100.0)
    assert attention.is_outdated(LEFT, "a", began=99.9)
    assert not attention.is_outdated(LEFT, "a", began=100.0)
    assert not attention.is_outdated(RIGHT, "a", began=99.9)
    assert not attention.is_outdated(LEFT, "b", began=99.9)


def test_i14_what_was_heard_long_ago_is_forgotten() -> None:
    attention = Attention()
    for number in range(5000):
        attention.heard(LEFT, str(number), at=float(number))
    assert not attention.is_outdated(LEFT, "10", began=0.0)
    assert attention.is_outdated(LEFT, "4500", began=0.0)


def test_a_record_heard_of_again_is_remembered_from_then() -> None:
    attention = Attention()
    attention.heard(LEFT, "a", at=0.0)
    attention.heard(LEFT, "b", at=10.0)
    attention.heard(LEFT, "a", at=900.0)
    attention.heard(LEFT, "c", at=1000.0)
    assert attention.is_outdated(LEFT, "a", began=899.0)
    assert not attention.is_outdated(LEFT, "b", began=9.0)


def test_h41_a_settlement_waits_until_both_sides_were_read_after_the_last_change() -> None:
    attention = Attention()
    assert not attention.is_sure(1, LEFT, began=5.0, now=10.0)
    assert attention.unread(1) == (LEFT, RIGHT)
    assert not attention.is_sure(1, LEFT, began=11.0, now=12.0)
    assert attention.unread(1) == (RIGHT,)
    assert attention.is_sure(1, RIGHT, began=11.0, now=12.0)


def test_a_request_that_began_when_the_change_became_known_does_not_count() -> None:
    attention = Attention()
    attention.is_sure(1, LEFT, began=5.0, now=10.0)
    attention.is_sure(1, LEFT, began=10.0, now=11.0)
    assert attention.unread(1) == (LEFT, RIGHT)


def test_a_change_that_comes_meanwhile_begins_the_doubt_anew() -> None:
    attention = Attention()
    attention.is_sure(1, LEFT, began=5.0, now=10.0)
    attention.is_sure(1, LEFT, began=11.0, now=12.0)
    attention.changed(1, now=13.0)
    assert not attention.is_sure(1, RIGHT, began=11.5, now=14.0)
    assert attention.unread(1) == (LEFT, RIGHT)


def test_a_decision_ends_the_doubt_and_the_next_settlement_has_its_own() -> None:
    attention = Attention()
    attention.is_sure(1, LEFT, began=5.0, now=10.0)
    attention.decided(1)
    assert not attention.is_sure(1, RIGHT, began=20.0, now=21.0)
    attention.changed(2, now=21.0)  # nobody doubts it
    assert attention.unread(2) == (LEFT, RIGHT)


def test_an_app_that_insists_on_an_older_version_is_believed_in_the_end() -> None:
    attention = Attention()
    assert not attention.insists(LEFT, "a", now=0.0)
    assert not attention.insists(LEFT, "a", now=600.0)
    assert attention.insists(LEFT, "a", now=601.0)
    attention.caught_up(LEFT, "a")
    assert not attention.insists(LEFT, "a", now=602.0)
