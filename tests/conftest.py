"""What every test may ask for: an empty lake, and the property tests' settings.

Fixtures of one part of the code belong beside that part's tests.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from schemas.lake import Lake

settings.register_profile("citylake", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("citylake")

# keys of pseudonyms, for tests and the processes they start: tests/privacy says what happens without them
os.environ.setdefault("CITYLAKE_KEY_ESERVICES", "a key of tests alone, of more than 32 bytes")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake in a folder of the test's own, with a space in its path."""
    return Lake(tmp_path / "a lake")
