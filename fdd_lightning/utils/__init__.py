"""Helpers that know nothing of data sets or networks: files, seeds, progress, paths."""
