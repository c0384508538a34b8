"""The API reference, as pages that mkdocstrings fills with docstrings; nothing is imported."""

from __future__ import annotations

from pkgutil import iter_modules

import egoexobench
from egoexobench import toolbox

FUNCTIONS = ("run", "rerun", "embed", "score", "answer", "verify", "submit", "load")
LOOKUPS = ("dataset", "list_parts", "show_part")
MODULES = ("types", "protocols", "errors", "method", "testing", "data.folder_dataset")
RECORD_MODULES = ("records.schema", "records.external", "records.audit")


def make_python_pages() -> dict[str, str]:
    """Markdown by file name: public names, modules for plug-ins, and what a record contains."""
    others = [name for name in egoexobench.__all__ if name[0].isupper()]
    names = [*FUNCTIONS, *LOOKUPS, *others]
    public = "\n".join(_refer(f"egoexobench.{name}") for name in names)
    tools = sorted(module.name for module in iter_modules(toolbox.__path__))
    modules = [*MODULES, *(f"toolbox.{name}" for name in tools)]
    return {
        "index.md": f"# Python reference\n\n{public}",
        "plugins.md": _format_modules("Modules for plug-ins", modules),
        "records.md": _format_modules("What a record contains", RECORD_MODULES),
    }


def _format_modules(title: str, modules: list[str] | tuple[str, ...]) -> str:
    return f"# {title}\n\n" + "\n".join(_refer(f"egoexobench.{name}") for name in modules)


def _refer(name: str) -> str:
    return f"::: {name}\n"
