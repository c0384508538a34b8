"""Every registered part passes its contract test without being listed here."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import get_args

import answerer_reach
import captioner_reach
import charades_ego_root
import egoexolearn_root
import hf_tables
import numpy as np
import pytest
from small_encoders import ENCODER_OPTIONS, MTEB_BASELINE, WRITERS

from egoexobench import testing
from egoexobench.errors import UsageError
from egoexobench.method import Method, Scale
from egoexobench.options import REQUIRED, get_options
from egoexobench.protocols import Encoder, HasGivenFeatures
from egoexobench.registry import PART_KINDS, PartFactory, Registry

REGISTRY = Registry()
REGISTERED_PARTS = [part for kind in PART_KINDS for part in REGISTRY.list_parts(kind)]
SMALL_OPTIONS = {
    # options that a part requires, or that make it small; its defaults are the published size
    ("dataset", "synthetic"): {"train": 4, "val": 4, "test": 4},
    ("method", "mteb"): {"model": MTEB_BASELINE},
    **{("encoder", name): options for name, options in ENCODER_OPTIONS.items()},
}
ROOTS = {
    "charades-ego": charades_ego_root.write_charades_root,
    "egoexolearn": egoexolearn_root.write_egoexolearn_root,
}
"""Writers of tiny roots in the layouts of gated data sets."""
TRACKER_VARIABLES = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_TRACKING_URI": "file://{folder}",
    "TRACKIO_DIR": "{folder}",
    "WANDB_MODE": "offline",
}
"""Trackers write files into a folder of the test."""


def _create_part(part: PartFactory, *arguments: object) -> object:
    return part.factory(*arguments, **SMALL_OPTIONS.get((part.kind, part.name), {}))


@pytest.mark.parametrize("part", REGISTERED_PARTS, ids=lambda part: f"{part.kind}-{part.name}")
def test_a_registered_part_keeps_its_contract(
    part: PartFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    create = partial(_create_part, part)
    if part.name.startswith("mteb"):
        pytest.importorskip("mteb")
    if part.kind == "dataset" and part.name in ROOTS:
        ROOTS[part.name](tmp_path)
        testing.check_dataset(part.factory(root=tmp_path))
        return
    match part.kind:
        case "fusion":
            testing.check_fusion(create)
        case "scorer":
            testing.check_scorer(create)
        case "method":
            methods = [
                method for scale in get_args(Scale) if (method := _create_method(create, scale))
            ]
            assert methods
            for method in methods:
                testing.check_method(method, REGISTRY)
        case "dataset" if part.name == "folder":
            testing.check_dataset(part.factory(path=folder))
        case "dataset" if part.name == "hf-dataset":
            hf_tables.write_parquet_set(tmp_path / "set", folder)
            testing.check_dataset(part.factory(path=str(tmp_path / "set")))
        case "captioner" if part.name in captioner_reach.REACH:
            with ExitStack() as stack:
                options = captioner_reach.REACH[part.name](tmp_path, monkeypatch, stack)
                testing.check_captioner(part.factory(**options))
        case "answerer" if part.name in answerer_reach.REACH:
            with ExitStack() as stack:
                options = answerer_reach.REACH[part.name](tmp_path, monkeypatch, stack)
                testing.check_answerer(part.factory(**options))
        case "encoder" if part.name == "features":
            np.savez(tmp_path / "features.npz", clip=np.ones((2, 3)))
            table = part.factory(file=tmp_path / "features.npz")
            assert isinstance(table, Encoder)
            assert isinstance(table, HasGivenFeatures)
        case "encoder" if part.name in WRITERS:
            WRITERS[part.name](tmp_path)
            testing.check_encoder(part.factory(model=str(tmp_path)))
        case "launcher":
            if part.name != "local":
                pytest.skip("its engine is started by the tests of the plug-in")
            testing.check_launcher(create)
        case "tracker":
            pytest.importorskip(part.name, reason="its extra is not installed")
            monkeypatch.chdir(tmp_path)
            for name, value in TRACKER_VARIABLES.items():
                monkeypatch.setenv(name, value.format(folder=tmp_path))
            testing.check_tracker(create)
        case kind:
            getattr(testing, f"check_{kind}")(create())


def _create_method(create: Callable[[str], Method], scale: str) -> Method | None:
    try:
        return create(scale)
    except UsageError:
        return None  # the method does not come at this scale


@pytest.mark.parametrize("part", REGISTERED_PARTS, ids=lambda part: f"{part.kind}-{part.name}")
def test_a_registered_part_says_what_it_is_and_what_its_options_are(part: PartFactory) -> None:
    assert part.summary.endswith(".") or part.summary.endswith(":"), "a summary is a sentence"
    for option in get_options(part.factory).values():
        assert option.default is REQUIRED or option.name in (part.factory.__doc__ or ""), option


def test_no_plugin_of_our_own_is_broken() -> None:
    assert REGISTRY.broken == []


def test_a_second_registry_finds_the_same_parts_after_they_were_created() -> None:
    # a submodule with the name of a factory of its package would replace the factory
    registry = Registry()
    assert [(p.kind, p.name, p.factory) for k in PART_KINDS for p in registry.list_parts(k)] == [
        (p.kind, p.name, p.factory) for p in REGISTERED_PARTS
    ]
