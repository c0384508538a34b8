"""The API reference, as pages that mkdocstrings fills with docstrings; nothing is imported."""

from __future__ import annotations

from pkgutil import iter_modules

import egoexobench
from egoexobench import toolbox

FUNCTIONS = ("run", "rerun", "embed", "score", "answer", "verify", "submit", "load")
LOOKUPS = ("dataset", "list_parts", "show_part")
MODULES = {
    "plugins": ("Interfaces for plug-ins", ("types", "protocols", "errors", "method")),
    "datasets": ("Data sets of a folder", ("data.folder_dataset", "external.feature_table")),
    "testing": ("Checks of parts", ("testing",)),
    "records": ("Records", ("records.schema", "records.external", "records.audit")),
}
"""Title and modules of a page."""


def make_python_pages() -> dict[str, str]:
    """Markdown by file name: public names, modules for plug-ins, and what a record contains."""
    others = [name for name in egoexobench.__all__ if name[0].isupper()]
    tools = tuple(f"toolbox.{module.name}" for module in iter_modules(toolbox.__path__))
    pages = MODULES | {"toolbox": ("Toolbox for plug-ins", tools)}
    return {
        "index.md": _format_page("Python reference", (*FUNCTIONS, *LOOKUPS, *others)),
        **{f"{name}.md": _format_page(*content) for name, content in pages.items()},
    }


def _format_page(title: str, names: tuple[str, ...]) -> str:
    return f"# {title}\n\n" + "\n".join(f"::: egoexobench.{name}\n" for name in names)
