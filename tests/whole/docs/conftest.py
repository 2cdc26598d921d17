"""A mock on loopback, as the tests of the server have it."""

from tests.server.conftest import limits, stage

__all__ = ["limits", "stage"]
