"""Choices by class path, their defaults, and the menu."""
