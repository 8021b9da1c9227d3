"""Shared settings of the tests: a hypothesis profile for slow, shared machines."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# The first projection of a process takes longer than hypothesis' default deadline.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
