"""An anchor with the names of version 0.1 works in a run."""

import pytest
import torch
from fake_parts import make_part

from egoexobench.errors import RenamedWarning
from egoexobench.experiment.build import build_parts, resolve_method
from egoexobench.method import COMPACT_DEFAULTS, apply_overrides
from egoexobench.registry import Registry


class OldAnchor:
    needs = ("ego_narration", "exo_narration")
    text = "narration"

    def __call__(self, embeddings):
        return embeddings["ego_narration"], embeddings["exo_narration"]


def make_old_anchor() -> OldAnchor:
    return OldAnchor()


def test_an_anchor_with_the_old_names_is_built_and_warns() -> None:
    registry = Registry()
    part = make_part(
        "anchor", "old", make_old_anchor, plugin="mylab", version="0.1.0", module=__name__
    )
    registry.add_part(part)
    method = apply_overrides(COMPACT_DEFAULTS, {"anchor": "old"})
    with pytest.warns(RenamedWarning, match="now called 'required_inputs' and 'eval_text'"):
        parts = build_parts(resolve_method(registry, method, seed=0))
    assert parts.anchor is not None
    assert parts.anchor.required_inputs == ("ego_narration", "exo_narration")
    assert parts.anchor.eval_text == parts.eval_text == "narration"
    ego, exo = torch.zeros(2, 4), torch.ones(2, 4)
    targets = parts.anchor({"ego_narration": ego, "exo_narration": exo})
    assert targets[0] is ego
    assert targets[1] is exo
