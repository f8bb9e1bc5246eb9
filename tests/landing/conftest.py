"""An inbox and a lake for each landing test."""

from pathlib import Path

import pytest

from tests.landing.driver import Inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)
