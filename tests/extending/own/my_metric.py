"""A metric: the spread of the cells' accuracies."""

from fdd_lightning.metrics import GroupCounts


class Spread(GroupCounts):
    """Largest minus smallest accuracy of any class and group."""

    name = "spread"
    heading = "spread"
    needs_groups = True
    higher_is_better = False

    def compute(self):
        """Return the spread."""
        accuracies = self.cell_accuracy()[self.cell_count() > 0]
        return accuracies.max() - accuracies.min()
