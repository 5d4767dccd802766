from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

slow = [HealthCheck.too_slow]
settings.register_profile("quick", deadline=None, max_examples=60, suppress_health_check=slow)
settings.register_profile("long", deadline=None, max_examples=10_000, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
