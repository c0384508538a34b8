"""The tables of docs/encoders.md are those of the code."""

import re
from pathlib import Path

import pytest

from egoexobench_plugins.hub_encoders.describe import format_families, format_pins

PAGE = Path(__file__).parents[3] / "docs" / "encoders.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="not a checkout")
def test_the_page_shows_the_tables_of_the_code(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text()
    current = text
    for name, table in {"families": format_families(), "pins": format_pins()}.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        current = re.sub(pattern, rf"\g<1>\n{table}\n\n\g<2>", current, flags=re.DOTALL)
    if request.config.getoption("--update-pinned"):
        PAGE.write_text(current)
    assert current == PAGE.read_text(), "run this test with --update-pinned"
