"""Results as files, tables and pictures; plain Python, no Lightning."""
