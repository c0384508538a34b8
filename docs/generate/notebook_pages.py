"""The notebooks as pages: text, code and what the code showed when it last ran."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copied_pages import change_links, list_link_targets

FOLDER = "docs/notebooks"
_STYLE = re.compile(r"<style.*?</style>\s*", re.DOTALL)


def copy_notebooks(root: Path, out: Path) -> None:
    """Write a page for each notebook below ``out``, and the pictures beside it."""
    targets = list_link_targets(root)
    for path in sorted(root.joinpath(FOLDER).glob("*.ipynb")):
        source = f"{FOLDER}/{path.name}"
        target = out / source.removeprefix("docs/")
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = [f"<!-- Generated from {source}. -->"]
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                parts.append(change_links(text, source, targets))
            else:
                parts += [f"```python\n{text}\n```", *_iter_outputs(cell, target.with_suffix(""))]
        target.with_suffix(".md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _iter_outputs(cell: dict[str, Any], stem: Path) -> Iterator[str]:
    """Yield each output of a cell as Markdown; pictures are written into files."""
    for index, output in enumerate(cell["outputs"]):
        data = {key: "".join(value) for key, value in output.get("data", {}).items()}
        if "image/png" in data:
            picture = stem.with_name(f"{stem.name}-{cell['id']}-{index}.png")
            picture.write_bytes(base64.b64decode(data["image/png"]))
            yield f"![Plot of the code above]({picture.name})"
        elif "text/html" in data:
            table = _STYLE.sub("", data["text/html"]).strip()
            yield f'<div style="overflow-x: auto">\n{table}\n</div>'  # wider than a phone
        else:
            text = data.get("text/plain") or "".join(output["text"])
            yield f"```text\n{text.rstrip()}\n```"
