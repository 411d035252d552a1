"""Fixtures of the learners' tests."""

from tests.learners.small import double

__all__ = ["double"]
