"""The page of methods says of every fusion what a clip without sound gives."""

import re
from pathlib import Path

import pytest

from egoexobench.protocols import HasEmptyQueryRule
from egoexobench.registry import Registry

PAGE = Path(__file__).parents[3] / "docs" / "methods.md"
REGISTRY = Registry()


@pytest.mark.skipif(not PAGE.is_file(), reason="not a checkout")
def test_the_page_lists_every_fusion_with_its_rule() -> None:
    _, _, section = PAGE.read_text().partition("## Fusions of sound and picture")
    listed = {}
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            first, *_, rule = line.strip("| ").split(" | ")
            listed |= dict.fromkeys(re.findall(r"`([\w-]+)`", first), rule.strip("`"))
    rules = {}
    for part in REGISTRY.list_parts("fusion"):
        fusion = part.create(16, options={})
        rules[part.name] = fusion.empty_query if isinstance(fusion, HasEmptyQueryRule) else None
    assert listed == rules
