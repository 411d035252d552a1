"""The documentation site: Markdown pages beside this file, and pages made of the code (``made_pages.py``).

``make docs`` builds it into ``build/docs``; every warning and every dead link is an error.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]


import built_links
import made_pages
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.inspect import signature, stringify_signature

from fdd_lightning.__about__ import __version__

project = "fdd-lightning"
author = "The fdd-lightning authors"
copyright = "the fdd-lightning authors, Apache-2.0"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
# Read by other pages, or made for GitHub's view of a folder only.
exclude_patterns = ["made/published", "made/facts"]
root_doc = "index"
# What docstrings have in single backticks is code.
default_role = "code"
# Two dashes before an option are two dashes.
smartquotes = False
html_title = "fdd-lightning"
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
# Sources are in the repository; a copy of each beside its page would be found by nobody.
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "monokai"

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
# Sections can be linked to as on GitHub: page.md#a-heading.
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_default_options = {"show-inheritance": True}
add_module_names = False
maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_attr_annotations = True

copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True


def own_arguments(app: Sphinx, what: str, name: str, of: Any, options: Any, shown: str, returns: str) -> Any:
    """Show the arguments of ``__init__`` where a base class takes whatever comes before it, to remember it."""
    if what != "class" or not (shown or "").startswith("(*args"):
        return None
    return stringify_signature(signature(of.__init__, bound_method=True), show_return_annotation=False), returns


def dashes(app: Sphinx, page: nodes.document) -> None:
    """Put a dash between an argument and its description; elsewhere two dashes are the start of an option."""
    for text in [text for text in page.findall(nodes.Text) if text == " -- "]:
        text.parent.replace(text, nodes.Text(" \u2013 "))


def setup(app: Sphinx) -> None:
    """Make the pages that come from the code before any is read, and look at every link when all are written."""
    app.connect("builder-inited", lambda app: made_pages.write(Path(app.srcdir) / "made"))
    app.connect("autodoc-process-signature", own_arguments)
    app.connect("doctree-read", dashes)
    app.connect("build-finished", built_links.check)
