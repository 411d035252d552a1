"""Every link of the built pages leads somewhere, and no page loads anything from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

log = logging.getLogger(__name__)

LOADS = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
"""Attributes by which a page loads a file when it is looked at."""
BY_SCRIPT = {"genindex.html", "search.html"}
"""Pages without links of our own."""


class _Page(HTMLParser):
    """What a page links to and loads, and the places in it that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            elif (tag, name) in LOADS and value:
                self.loads.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


def faults(folder: Path) -> list[str]:
    """Return a line for each dead link of a folder of pages, and for each file that is loaded from a network."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve()).as_posix()
        found += [f"{name} loads {url} from a network" for url in page.loads if urlsplit(url).netloc]
        for url in {*page.links, *page.loads} if name not in BY_SCRIPT else ():
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target not in pages and not target.is_file():
                found.append(f"{name} links to {url}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                found.append(f"{name} links to {url}, a place that is not on that page")
    return sorted(found)


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of every fault of the site, once it is built."""
    if error is None and app.builder.format == "html":
        for line in faults(Path(app.outdir)):
            log.warning(line)
