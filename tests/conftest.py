"""Shared settings of the tests: a hypothesis profile for slow, shared machines, and Ctrl-C for child processes."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# The first projection of a process takes longer than hypothesis' default deadline.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=50)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

# A shell that runs the tests in the background has them ignore Ctrl-C, and child processes would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
