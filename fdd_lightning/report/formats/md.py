"""Markdown: the table, how sure each figure is, how runs differ, and what corrections came to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.errors import shown
from fdd_lightning.report.formats import Format
from fdd_lightning.report.judgement import judgements
from fdd_lightning.report.results_table import Content, content_of, spreads_of
from fdd_lightning.report.run_differences import run_differences


class Markdown(Format):
    r"""Tables and sentences for people.

    Example:
        >>> Markdown().text(RunResults([], planned=2))
        '0 of 2 rows\n'
    """

    file = "table.md"

    def text(self, results: RunResults) -> str:
        """Return state, tables and judgements."""
        parts = [f"{results.state}\n"] if results.state else []
        if results.rows:
            parts.append(markdown(results.rows))
            sure = spreads_of(results.rows)
            parts += [_titled("How sure each figure is", sure)] if sure else []
            parts += [_titled(title, content) for title, content in run_differences(results.rows, every_metric=True)]
            for title, *lines in judgements(results.rows):
                parts.append("\n".join([f"{escaped(title)}:", "", *(f"- {escaped(line)}" for line in lines), ""]))
        return "\n".join(parts)


def _titled(title: str, content: Content) -> str:
    return f"{escaped(title)}:\n\n{as_markdown(content)}"


def markdown(rows: Sequence[Row], *, with_published: bool = True) -> str:
    """Return the rows as a Markdown table with its caption; deviations for every metric, a newline at the end."""
    return as_markdown(content_of(rows, with_published=with_published, spreads=True))


def as_markdown(content: Content) -> str:
    r"""Return what a table says as Markdown: the table, then its caption as a list, a newline at the end.

    Example:
        >>> from fdd_lightning.report.results_table import Column
        >>> as_markdown(Content((Column("ipc", ("1", "10")),), best=("", ""), caption=("dm",)))
        '| ipc |\n| ---: |\n| 1 |\n| 10 |\n\n- dm\n'
    """
    lines = [[column.heading for column in content.columns], ["---:" if c.number else "---" for c in content.columns]]
    for number, best in enumerate(content.best):
        texts = [escaped(column.texts[number]) for column in content.columns]
        if best:
            texts = [f"**{t}**" if c.heading == best else t for c, t in zip(content.columns, texts, strict=True)]
        lines.append(texts)
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    notes = "\n".join(f"- {escaped(note)}" for note in content.caption)
    return f"{text}\n\n{notes}\n"


def escaped(text: str) -> str:
    """Keep characters of a name from being read as Markdown, or as HTML in it."""
    return re.sub(r"[\\|*`\[<]", r"\\\g<0>", shown(text)).replace("\\<", "&lt;")
