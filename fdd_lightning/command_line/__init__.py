"""The commands behind ``fdd``."""
