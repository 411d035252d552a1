"""The rows that a command left, checked."""

from fdd_lightning.artefacts.results import read_results


def written_rows(path):
    """Return the rows of a ``results.json`` as the file holds them."""
    return [row.to_json() for row in read_results(path)]
