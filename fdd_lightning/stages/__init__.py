"""Stages: their output folders and records."""
