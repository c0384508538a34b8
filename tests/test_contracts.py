"""Every registered part passes its contract, without being listed here."""

from functools import partial
from pathlib import Path

import pytest

from egoexobench import testing
from egoexobench.options import REQUIRED, options
from egoexobench.registry import KINDS, Part, Registry

REGISTRY = Registry()
OWN = [part for kind in KINDS for part in REGISTRY.parts(kind)]
REACH = {
    # what a part needs before it can be made: a small or a real source
    ("dataset", "synthetic"): {"train": 4, "val": 4, "test": 4},
}


def _make(part: Part, *given: object) -> object:
    return part.factory(*given, **REACH.get((part.kind, part.name), {}))


@pytest.mark.parametrize("part", OWN, ids=lambda part: f"{part.kind}-{part.name}")
def test_a_registered_part_keeps_its_contract(
    part: Part, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    make = partial(_make, part)
    match part.kind:
        case "fusion":
            testing.check_fusion(make)
        case "method":
            testing.check_method(make("compact"), REGISTRY)
        case "dataset" if part.name == "folder":
            testing.check_dataset(part.factory(path=folder))
        case kind:
            getattr(testing, f"check_{kind}")(make())


@pytest.mark.parametrize("part", OWN, ids=lambda part: f"{part.kind}-{part.name}")
def test_a_registered_part_says_what_it_is_and_what_its_options_are(part: Part) -> None:
    assert part.summary.endswith(".") or part.summary.endswith(":"), "a summary is a sentence"
    for option in options(part.factory).values():
        assert option.default is REQUIRED or option.name in (part.factory.__doc__ or ""), option


def test_no_plugin_of_our_own_is_broken() -> None:
    assert REGISTRY.broken == []
