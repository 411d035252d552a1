"""A figure: one bar a row."""

from matplotlib.figure import Figure as Page

from fdd_lightning.report.figures import Figure


class Bars(Figure):
    """Accuracies as bars."""

    files = ("bars.png",)

    def draw(self, rows, folder):
        """Draw them."""
        page = Page()
        page.subplots().bar(range(len(rows)), [row.mean("accuracy") for row in rows])
        page.savefig(folder / "bars.png")
        return [folder / "bars.png"]
