"""Fixtures of the learners' tests."""

from tests.algorithms.small import double

__all__ = ["double"]
