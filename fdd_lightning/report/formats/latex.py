"""LaTeX: the table as one of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.report.formats import Format
from fdd_lightning.report.results_table import Content, content_of

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
"""Characters that LaTeX would take for something else, or that its oldest fonts lack."""


class LaTeX(Format):
    r"""A table to be read in by ``\input``; a document needs ``\usepackage{booktabs}`` and the font encoding T1.

    Example:
        >>> escaped("a_b 5%")
        'a\\_b 5\\%'
    """

    file = "table.tex"

    def text(self, results: RunResults) -> str:
        """Return the table with its caption, and a comment with what it needs."""
        needs = "% \\usepackage{booktabs} \\usepackage[T1]{fontenc}\n"
        state = [f"% {escaped(results.state)}\n"] if results.state else []
        shown = [as_latex(content_of(results.rows, with_published=True))] if results.rows else []
        return "".join([needs, *state, *shown])


def as_latex(content: Content) -> str:
    """Return what a table says as LaTeX, a newline at the end."""
    marks = "".join("r" if column.number else "l" for column in content.columns)
    lines = [_line([escaped(column.heading) for column in content.columns])]
    for number, best in enumerate(content.best):
        texts = [(column.heading, escaped(column.texts[number])) for column in content.columns]
        lines.append(_line([rf"\textbf{{{text}}}" if heading == best else text for heading, text in texts]))
    heading, *body = lines
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{'; '.join(map(escaped, content.caption))}.}}",
            rf"\begin{{tabular}}{{{marks}}}",
            r"\toprule",
            heading,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _line(texts: Sequence[str]) -> str:
    # A line that begins with a bracket would be read as an argument of the line break before it.
    first = "{}" if texts[0].startswith(("[", "*")) else ""
    return f"{first}{' & '.join(texts)} \\\\"


def escaped(text: str) -> str:
    """Keep characters of a name from being read as LaTeX."""
    return re.sub("[" + re.escape("".join(SPECIAL)) + "]", lambda found: SPECIAL[found[0]], text)
