"""Audio is aligned in training if the data set or the method says so, and never in evaluation."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, train_method
from egoexobench.experiment.training import uses_audio_alignment
from egoexobench.experiment.weights_identity import describe_weights
from egoexobench.method import COMPACT_DEFAULTS
from egoexobench.models.dtw import align_pairs
from egoexobench.models.feature_inputs import embed_clips, embed_pairs
from egoexobench.progress import NullProgress
from egoexobench.protocols import Dataset
from egoexobench.registry import Registry
from egoexobench.spec import Spec


class AlignableDataset(FolderDataset):
    """A data set whose views show the same actions at different speeds."""

    alignable = True


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedMethod:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        settings = {"epochs": "1", "embed_dim": "16", "audio_alignment": "dtw"}
        config = RunConfig(
            Spec("soundbridge"), Spec("folder", {"path": str(folder)}), overrides=settings
        )
        result = train_method(config, RunContext(Registry(), NullProgress()))
    torch.set_num_threads(threads)
    return result


@pytest.mark.parametrize(
    ("audio_alignment", "dataset_type", "expected"),
    [
        ("auto", FolderDataset, False),
        ("auto", AlignableDataset, True),
        ("none", AlignableDataset, False),
        ("dtw", FolderDataset, True),
    ],
)
def test_the_data_set_decides_unless_the_method_does(
    folder: Path, audio_alignment: str, dataset_type: type[Dataset], expected: bool
) -> None:
    assert (
        uses_audio_alignment(
            replace(COMPACT_DEFAULTS, audio_alignment=audio_alignment), dataset_type(folder)
        )
        is expected
    )


def test_both_data_sets_with_alignable_audio_declare_it() -> None:
    for name in ("synthetic", "charades_ego"):
        module = __import__(f"egoexobench_plugins.{name}.dataset", fromlist=["dataset"])
        assert [value for value in vars(module).values() if getattr(value, "alignable", False)]


def test_a_path_changes_the_embeddings_of_a_training_pair(trained: TrainedMethod) -> None:
    pairs, model = list(trained.scored.inputs.pairs["train"]), trained.model.eval()
    bank = trained.scored.inputs.features.audio
    assert bank is not None
    paths = align_pairs(bank, pairs)
    # three more steps at the first tokens
    longer_paths = {
        name: replace(path, steps=path.steps[[0] * 3 + list(range(len(path.steps)))])
        for name, path in paths.items()
    }
    with torch.inference_mode():
        original = embed_pairs(model, trained.scored.inputs.features, pairs, trained.parts.anchor)
        inputs = replace(trained.scored.inputs.features, alignment_paths=longer_paths)
        embeddings = embed_pairs(model, inputs, pairs, trained.parts.anchor)
    assert not torch.allclose(original[0], embeddings[0])


def test_no_scored_embedding_depends_on_the_other_clip_of_its_pair(trained: TrainedMethod) -> None:
    model, inputs = trained.model, trained.scored.inputs.features
    clips = list(trained.scored.inputs.clips["test"])
    bank = inputs.audio
    assert bank is not None
    before = embed_clips(model, inputs, clips)
    for view_clips in ([clip for clip in clips if clip.view == view] for view in ("ego", "exo")):
        alone = embed_clips(model, inputs, view_clips)
        rows = [before.ids.index(name) for name in alone.ids]
        assert torch.allclose(alone.vectors, before.vectors[rows], atol=1e-6)
    pairs = trained.scored.inputs.pairs["test"]
    with_paths = replace(inputs, alignment_paths=align_pairs(bank, pairs))
    assert torch.equal(embed_clips(model, with_paths, clips).vectors, before.vectors)


@pytest.mark.parametrize("has_alignment", [True, False])
def test_weights_depend_on_the_library_that_aligns_only_where_pairs_are_aligned(
    trained: TrainedMethod, has_alignment: bool
) -> None:
    identity = describe_weights(trained.parts, trained.trained_on, has_alignment=has_alignment)
    assert ("numba" in identity["libraries"]) is has_alignment
    assert "torch" in identity["libraries"]
