"""Every registered part passes its contract test without being listed here."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ae2_root
import answerer_reach
import assembly101_root
import captioner_reach
import charades_ego_root
import ego_exo4d_root
import egoexolearn_root
import egomcq_root
import ek100_root
import hf_tables
import numpy as np
import pytest
from small_encoders import ENCODER_OPTIONS, MTEB_BASELINE, WRITERS

from egoexobench import testing
from egoexobench.options import REQUIRED, get_options
from egoexobench.registry import PART_KINDS, PartFactory, Registry

REGISTRY = Registry()
REGISTERED_PARTS = [part for kind in PART_KINDS for part in REGISTRY.list_parts(kind)]
SMALL_OPTIONS = {
    # options that a part requires; one that is large by default names a small size itself
    ("method", "mteb"): {"model": MTEB_BASELINE},
    **{("encoder", name): options for name, options in ENCODER_OPTIONS.items()},
}
REACH = {"captioner": captioner_reach.REACH, "answerer": answerer_reach.REACH}
"""Writers and servers of what captioners and answerers call."""
ROOTS = {
    "assembly101": assembly101_root.write_assembly101_root,
    "ae2": ae2_root.write_ae2_root,
    "charades-ego": charades_ego_root.write_charades_root,
    "ego-exo4d": ego_exo4d_root.write_ego_exo4d_root,
    "egoexolearn": egoexolearn_root.write_egoexolearn_root,
    "egomcq": egomcq_root.write_egomcq_root,
    "ek100-mir": ek100_root.write_ek100_root,
}
"""Writers of tiny roots in the layouts of gated data sets."""
TRACKER_VARIABLES = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_TRACKING_URI": "file://{folder}",
    "TRACKIO_DIR": "{folder}",
    "WANDB_MODE": "offline",
}
"""Trackers write files into a folder of the test."""


@pytest.mark.parametrize("part", REGISTERED_PARTS, ids=lambda part: f"{part.kind}-{part.name}")
def test_a_registered_part_keeps_its_contract(
    part: PartFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    if part.name.startswith("mteb"):
        pytest.importorskip("mteb")
    if part.kind == "launcher" and part.name != "local":
        pytest.skip("its engine is started by the tests of the plug-in")
    if part.kind == "tracker":
        pytest.importorskip(part.name, reason="its extra is not installed")
        monkeypatch.chdir(tmp_path)
        for name, value in TRACKER_VARIABLES.items():
            monkeypatch.setenv(name, value.format(folder=tmp_path))
    with ExitStack() as stack:
        options = _make_options(part, tmp_path, folder, monkeypatch=monkeypatch, stack=stack)
        testing.check_part(part, REGISTRY, options)


def _make_options(
    part: PartFactory,
    root: Path,
    folder: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    stack: ExitStack,
) -> Mapping[str, Any]:
    """Options that make a part small, after writing the files that it reads."""
    if part.kind in REACH and part.name in REACH[part.kind]:
        return REACH[part.kind][part.name](root, monkeypatch, stack)
    match part.kind, part.name:
        case "dataset", name if name in ROOTS:
            ROOTS[name](root)
            return {"root": root}
        case "dataset", "folder":
            return {"path": folder}
        case "dataset", "hf-dataset":
            hf_tables.write_parquet_set(root / "set", folder)
            return {"path": str(root / "set")}
        case "encoder", "features":
            np.savez(root / "features.npz", clip=np.ones((2, 3)))
            return {"file": root / "features.npz"}
        case "encoder", name if name in WRITERS:
            WRITERS[name](root)
            return {"model": str(root)}
        case key:
            return SMALL_OPTIONS.get(key, part.example or {})


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
