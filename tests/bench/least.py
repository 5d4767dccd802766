"""The least number of calls that a job can take (performance notes, section 7)."""

from __future__ import annotations

LIST_PAGE = 100
BATCH = 100
SEARCH_PAGE = 200
FIXED = 13
"""What a start may cost beside the job: properties, pipelines, owners, account, the clock."""


def ceil_div(records: int, batch: int) -> int:
    """Return how many batches so many records make."""
    return -(-records // batch)


def listed(records: int) -> int:
    """Read all records of HubSpot, which is also what a presence check takes."""
    return ceil_div(records, LIST_PAGE)


def written(records: int) -> int:
    """Create or update records in HubSpot; the replies are the base, nothing is read back."""
    return ceil_div(records, BATCH)


def polled(changed: int) -> int:
    """Poll HubSpot by search for ids and read what changed from the primary store."""
    return max(1, ceil_div(changed, SEARCH_PAGE)) + ceil_div(changed, BATCH)


def guarded(records: int) -> int:
    """Update records in HubSpot that may be edited meanwhile: read again, then write."""
    return 2 * ceil_div(records, BATCH)
