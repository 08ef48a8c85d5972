"""The core's tests use no socket, no clock and no sleep; what is random in them is seeded."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings

# Used by name (`@settings.get_profile("core")`), so that the tests of other folders keep their own.
settings.register_profile(
    "core",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _seeded_jitter():
    random.seed(20261123)
