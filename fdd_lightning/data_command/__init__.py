"""``fdd data``: list, build, check and show data sets."""
