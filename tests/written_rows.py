"""The rows that a command left, checked."""

from fdd_lightning.artefacts.results import read_results

METRICS = [
    "accuracy",
    "balanced_accuracy",
    "deo_max",
    "deo_mean",
    "worst_group_accuracy",
    "aligned_accuracy",
    "conflict_accuracy",
    "demographic_parity",
    "equalised_odds",
    "calibration_error",
]
"""What every row has, in this order."""


def written_rows(path):
    """Return the rows of a ``results.json`` as the file holds them."""
    return [row.to_json() for row in read_results(path)]
