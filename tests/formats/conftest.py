"""An inbox and a lake for each test of a format."""

from tests.landing.conftest import inbox

__all__ = ["inbox"]
