"""Shared by the tests of privacy: an inbox and its lake."""

from pathlib import Path

import pytest

from tests.landing.driver import Inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """A folder of incoming files and an empty lake."""
    return Inbox(tmp_path)
