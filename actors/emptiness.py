"""Emptiness: is one side suddenly gone? Then nothing is decided from it. Pure.

A permission that was lost, another database behind the same address or a careless clean-up look
like so many deletes. When many of the linked records that were looked at together are gone, all
linked records are looked at before any of them counts as deleted (H16, H39).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

SUDDENLY = "suddenly shows hardly any of its linked records"
TOGETHER = "with many others: all are looked at first"

AT_LEAST = 20
"""Fewer records than that may vanish at once."""


class Mood(StrEnum):
    """What is thought of a side.

    CALM: what is gone is gone. WARY: all linked records are looked at, departures wait.
    STOPPED: most of them are gone; a person must say that this is so.
    """

    CALM = "calm"
    WARY = "wary"
    STOPPED = "stopped"


class Watch(Struct, frozen=True):
    """What is known of one side.

    Attributes:
        gone, there: linked records that were looked at since the count began.
        agreed_us: until then a person, or a whole count, has said that departures are real;
            microseconds UTC by our clock.
    """

    mood: Mood = Mood.CALM
    gone: int = 0
    there: int = 0
    agreed_us: int = 0

    @property
    def is_patient(self) -> bool:
        """Departures are not decided now."""
        return self.mood is not Mood.CALM


def is_alarming(gone: int, there: int, percent: int) -> bool:
    """Say whether so many gone of those looked at are too many to be so by themselves."""
    return gone >= AT_LEAST and gone * 100 >= percent * (gone + there)


def looked(watch: Watch, gone: int, there: int, percent: int, now_us: int) -> Watch:
    """Return what is thought of a side after a look at some of its linked records."""
    if watch.is_patient:
        return Watch(watch.mood, watch.gone + gone, watch.there + there, watch.agreed_us)
    if now_us < watch.agreed_us or not is_alarming(gone, there, percent):
        return watch
    return Watch(Mood.WARY, 0, 0, watch.agreed_us)


def counted(watch: Watch, percent: int, now_us: int, agree_for_us: int) -> Watch:
    """Return what is thought of a side once all linked records have been looked at."""
    if not watch.is_patient:
        return watch
    if is_alarming(watch.gone, watch.there, percent):
        return Watch(Mood.STOPPED, 0, 0, watch.agreed_us)
    return agreed(now_us, agree_for_us)


def agreed(now_us: int, for_us: int) -> Watch:
    """Return a side of which departures are believed for a while."""
    return Watch(agreed_us=now_us + for_us)


def describe(app: str, sync: str) -> str:
    """Say why a side is stopped and what to do."""
    return (
        f"{app} {SUDDENLY}, so nothing is decided: if they are really gone, approve with"
        f" `tieline approve {sync} --vanished`"
    )


def describe_wariness(app: str) -> str:
    """Say why a departure is not believed yet."""
    return f"gone from {app} {TOGETHER}"
