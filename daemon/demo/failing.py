"""What the demo raises when something is not as it should be."""

from __future__ import annotations

from actors.errors import TielineError


class DemoError(TielineError):
    """Something is not as expected; the message says what."""


def expect(is_so: bool, otherwise: str) -> None:
    """Go on only if something is so.

    Raises:
        DemoError: it is not; `otherwise` is what was found instead.
    """
    if not is_so:
        raise DemoError(f"not as expected: {otherwise}")
