"""The files that stages leave, and their formats."""
