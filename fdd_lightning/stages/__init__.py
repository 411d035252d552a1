"""Stages as commands: what is parsed, run, resumed, and left behind."""
