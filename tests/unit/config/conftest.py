from __future__ import annotations

from tests.support.configs import load, refused

__all__ = ["load", "refused"]
