from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from egoexobench.errors import EgoExoBenchError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs, embed_clips
from egoexobench.progress import NullProgress
from egoexobench.toolbox.layers import CrossAttention
from egoexobench.training import checkpoint
from egoexobench.training.loop import BestEpoch, TrainingSet, train_model
from egoexobench.types import VIEWS, Clip, Modality, Pair, Tokens
from egoexobench_plugins.anchors import sound_text
from egoexobench_plugins.info_nce import info_nce

COUNT = 24
METHOD = replace(
    COMPACT_DEFAULTS,
    name="m",
    captioner="rules",
    anchor="sound-text",
    objective="info-nce",
    embed_dim=16,
    epochs=6,
    batch_size=8,
    lr=1e-2,
)


class Plain:
    frozen = True

    def __init__(self, modality: Modality, dim: int) -> None:
        self.modality, self.dim = modality, dim

    def prepare(self, source: object) -> object:
        raise NotImplementedError

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        return Tokens(values, mask)


def pair(i: int) -> Pair:
    ego, exo = (
        Clip(f"{i}/{view}", view, "", start=0, end=1, narration="", take=str(i)) for view in VIEWS
    )
    return Pair(str(i), ego, exo, "")


def lesson() -> TrainingSet:
    """Pairs whose picture, sound and texts are noisy copies of one vector."""
    rng = np.random.default_rng(0)
    pairs = [pair(i) for i in range(COUNT)]
    truth = rng.standard_normal((COUNT, 6))

    def bank(names: list[tuple[str, int]]) -> FeatureBank:
        rows = [truth[i] + 0.3 * rng.standard_normal((3, 6)) for _, i in names]
        return FeatureBank(
            [n for n, _ in names], [FeatureRows(row.astype(np.float32), "") for row in rows]
        )

    clips = [(clip.id, i) for i, one in enumerate(pairs) for clip in (one.ego, one.exo)]
    texts = [(one.id, i) for i, one in enumerate(pairs)]
    inputs = FeatureInputs(bank(clips), bank(clips), bank(texts), bank(texts))
    return TrainingSet(pairs, inputs, sound_text(), info_nce())


def model(method: Method = METHOD, seed: int = 0) -> EmbeddingModel:
    encoders = {name: Plain(name, 6) for name in ("video", "audio", "text")}  # type: ignore[arg-type]
    build = partial(CrossAttention, method.embed_dim, 4, True)
    return EmbeddingModel(method, encoders, build, build, seed)  # type: ignore[arg-type]


def found(made: EmbeddingModel, given: TrainingSet) -> float:
    """Share of ego clips whose own exo clip is nearest."""
    ego = embed_clips(made, given.inputs, [one.ego for one in given.pairs]).vectors
    exo = embed_clips(made, given.inputs, [one.exo for one in given.pairs]).vectors
    return float(((ego @ exo.T).argmax(1) == torch.arange(COUNT)).float().mean())


def test_training_pulls_the_views_of_a_pair_together() -> None:
    given, made = lesson(), model()
    before = found(made, given)
    train_model(
        made, given, seed=0, validation_metric=lambda: found(made, given), progress=NullProgress()
    )
    assert found(made, given) > max(0.8, before + 0.3)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    states = []
    for noise in (1, 5):
        torch.manual_seed(noise)
        torch.rand(noise)
        made = model()
        train_model(made, lesson(), seed=3, validation_metric=lambda: 0.0, progress=NullProgress())
        states.append(made.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_first_of_the_best_epochs_is_kept() -> None:
    values = iter([0.1, 0.7, 0.3, 0.7, 0.2, 0.0])
    kept: list[dict[str, torch.Tensor]] = []
    made = model()

    def criterion() -> float:
        kept.append({name: one.clone() for name, one in made.state_dict().items()})
        return next(values)

    assert train_model(
        made, lesson(), seed=0, validation_metric=criterion, progress=NullProgress()
    ) == BestEpoch(2, 0.7)
    final = made.state_dict()
    assert all(torch.equal(final[name], kept[1][name]) for name in final)
    assert not all(torch.equal(final[name], kept[5][name]) for name in final)


def test_frozen_tokens_are_standardised_by_the_training_pairs() -> None:
    made, given = model(), lesson()
    train_model(made, given, seed=0, validation_metric=lambda: 0.0, progress=NullProgress())
    assert given.inputs.audio is not None
    ids = [clip.id for one in given.pairs for clip in (one.ego, one.exo)]
    mean, deviation = given.inputs.audio.mean_std(ids)
    trunk = made.projectors["audio"]
    assert torch.allclose(trunk.mean, mean, atol=1e-5)  # type: ignore[arg-type]
    assert torch.allclose(trunk.std, deviation, atol=1e-5)  # type: ignore[arg-type]


def test_a_loss_that_is_no_number_stops_with_one_line() -> None:
    made = model(replace(METHOD, lr=1e12, schedule="constant"))
    with pytest.raises(EgoExoBenchError, match="try a smaller learning rate"):
        train_model(made, lesson(), seed=0, validation_metric=lambda: 0.0, progress=NullProgress())


@pytest.mark.parametrize("batch", [23, 5])
def test_a_last_batch_of_one_pair_is_left_out(batch: int) -> None:
    made = model(replace(METHOD, batch_size=batch, epochs=1))
    train_model(made, lesson(), seed=0, validation_metric=lambda: 0.0, progress=NullProgress())
    assert all(torch.isfinite(one).all() for one in made.parameters())


def test_stored_weights_give_the_same_embeddings(tmp_path) -> None:
    given, made = lesson(), model()
    chosen = train_model(
        made, given, seed=0, validation_metric=lambda: 0.5, progress=NullProgress()
    )
    path = tmp_path / "deep" / "w.safetensors"
    checkpoint.save_checkpoint(path, made, chosen)
    again = model(seed=9)
    assert checkpoint.load_checkpoint(path, again) == chosen
    clips = [one.ego for one in given.pairs]
    one, two = (embed_clips(m, given.inputs, clips).vectors for m in (made, again))
    assert torch.equal(one, two)


def test_weights_that_do_not_fit_or_are_cut_short_are_trained_again(tmp_path) -> None:
    path = tmp_path / "w.safetensors"
    assert checkpoint.load_checkpoint(path, model()) is None
    checkpoint.save_checkpoint(path, model(), BestEpoch(1, 0.0))
    assert checkpoint.load_checkpoint(path, model(replace(METHOD, embed_dim=32))) is None
    path.write_bytes(path.read_bytes()[:-9])
    assert checkpoint.load_checkpoint(path, model()) is None
