"""Sounds are aligned in training, by the data set's word or the method's, and never after it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, train_method
from egoexobench.experiment.training import uses_audio_alignment
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.models.dtw import align_pairs
from egoexobench.models.feature_inputs import embed_clips, embed_pairs
from egoexobench.progress import NullProgress
from egoexobench.protocols import Dataset
from egoexobench.registry import Registry
from egoexobench.spec import Spec


class Apart(FolderDataset):
    """Both views of a pair act one script, each at its pace."""

    alignable = True


@pytest.fixture(scope="module")
def taught(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedMethod:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings = {"epochs": "1", "embed_dim": "16", "audio_alignment": "dtw"}
        config = RunConfig(
            Spec("soundbridge"), Spec("folder", {"path": str(folder)}), overrides=settings
        )
        found = train_method(config, RunContext(Registry(), NullProgress()))
    torch.set_num_threads(threads)
    return found


@pytest.mark.parametrize(
    ("align", "kind", "expected"),
    [
        ("auto", FolderDataset, False),
        ("auto", Apart, True),
        ("none", Apart, False),
        ("dtw", FolderDataset, True),
    ],
)
def test_the_data_set_decides_unless_the_method_does(
    folder: Path, align: str, kind: type[Dataset], expected: bool
) -> None:
    assert (
        uses_audio_alignment(replace(COMPACT_DEFAULTS, audio_alignment=align), kind(folder))
        is expected
    )


def test_both_data_sets_that_the_paper_or_we_align_say_so() -> None:
    for name in ("synthetic", "charades_ego"):
        module = __import__(f"egoexobench_plugins.{name}.dataset", fromlist=["dataset"])
        assert [one for one in vars(module).values() if getattr(one, "alignable", False)]


def test_a_path_changes_what_a_training_pair_gives(taught: TrainedMethod) -> None:
    pairs, model = list(taught.scored.inputs.pairs["train"]), taught.model.eval()
    bank = taught.scored.inputs.features.audio
    assert bank is not None
    found = align_pairs(bank, pairs)
    # the longest way round: every token of one sound with every one of the other
    crooked = {
        name: replace(path, steps=path.steps[[0] * 3 + list(range(len(path.steps)))])
        for name, path in found.items()
    }
    with torch.inference_mode():
        straight = embed_pairs(model, taught.scored.inputs.features, pairs, taught.parts.anchor)
        inputs = replace(taught.scored.inputs.features, alignment_paths=crooked)
        bent = embed_pairs(model, inputs, pairs, taught.parts.anchor)
    assert not torch.allclose(straight[0], bent[0])


def test_no_scored_embedding_depends_on_the_partner(taught: TrainedMethod) -> None:
    model, inputs = taught.model, taught.scored.inputs.features
    clips = list(taught.scored.inputs.clips["test"])
    bank = inputs.audio
    assert bank is not None
    before = embed_clips(model, inputs, clips)
    for chosen in ([clip for clip in clips if clip.view == view] for view in ("ego", "exo")):
        alone = embed_clips(model, inputs, chosen)
        rows = [before.ids.index(name) for name in alone.ids]
        assert torch.allclose(alone.vectors, before.vectors[rows], atol=1e-6)
    pairs = taught.scored.inputs.pairs["test"]
    with_paths = replace(inputs, alignment_paths=align_pairs(bank, pairs))
    assert torch.equal(embed_clips(model, with_paths, clips).vectors, before.vectors)
