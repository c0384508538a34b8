from collections.abc import Sequence
from dataclasses import fields, replace
from functools import partial

import numpy as np
import pytest
import torch
from fake_data import FakeDataset, make_cameras
from fake_parts import PassThroughEncoder
from torch import Tensor

from egoexobench.errors import DataError, EgoExoBenchError
from egoexobench.evaluation.metrics import hit_rate_at_k
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.query_ranking import rank_queries
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows
from egoexobench.hashing import hash_json
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs, embed_clips
from egoexobench.progress import NullProgress
from egoexobench.toolbox.layers import CrossAttention
from egoexobench.training import checkpoint, loop
from egoexobench.training.loop import train_model
from egoexobench.training.moments import PairMoments
from egoexobench.training.training_set import TrainingSet
from egoexobench.training.training_task import BestEpoch
from egoexobench.types import VIEWS, Clip, Pair, PairLabels
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


def make_pair(i: int) -> Pair:
    ego, exo = (
        Clip(f"{i}/{view}", view, "", start=0, end=1, narration="", take=str(i)) for view in VIEWS
    )
    return Pair(str(i), ego, exo, "")


def make_training_set() -> TrainingSet:
    """A training set of pairs whose video, audio and texts are noisy copies of one vector."""
    rng = np.random.default_rng(0)
    pairs = [make_pair(i) for i in range(COUNT)]
    truth = rng.standard_normal((COUNT, 6))

    def make_bank(names: list[tuple[str, int]]) -> FeatureBank:
        rows = [truth[i] + 0.3 * rng.standard_normal((3, 6)) for _, i in names]
        return FeatureBank(
            [n for n, _ in names], [FeatureRows(row.astype(np.float32), "") for row in rows]
        )

    clips = [(clip.id, i) for i, pair in enumerate(pairs) for clip in (pair.ego, pair.exo)]
    texts = [(pair.id, i) for i, pair in enumerate(pairs)]
    inputs = FeatureInputs(make_bank(clips), make_bank(clips), make_bank(texts), make_bank(texts))
    return TrainingSet(pairs, inputs, sound_text(), info_nce())


def make_model(method: Method = METHOD, seed: int = 0) -> EmbeddingModel:
    encoders = {name: PassThroughEncoder(name, 6) for name in ("video", "audio", "text")}  # type: ignore[arg-type]
    fusion = partial(CrossAttention, method.embed_dim, 4, True)
    return EmbeddingModel(
        method,
        encoders,  # type: ignore[arg-type]
        video_fusion=fusion,
        text_fusion=fusion,
        seed=seed,
    )


def pair_accuracy(model: EmbeddingModel, training_set: TrainingSet) -> float:
    """Share of ego clips whose nearest exo clip is that of their pair."""
    ego = embed_clips(model, training_set.inputs, [pair.ego for pair in training_set.pairs]).vectors
    exo = embed_clips(model, training_set.inputs, [pair.exo for pair in training_set.pairs]).vectors
    return float(((ego @ exo.T).argmax(1) == torch.arange(COUNT)).float().mean())


def test_training_pulls_the_views_of_a_pair_together() -> None:
    training_set, model = make_training_set(), make_model()
    before = pair_accuracy(model, training_set)
    train_model(
        model,
        training_set,
        seed=0,
        validation_metric=lambda: pair_accuracy(model, training_set),
        progress=NullProgress(),
    )
    assert pair_accuracy(model, training_set) > max(0.8, before + 0.3)


def test_an_objective_reads_ids_narrations_verbs_and_nouns_and_nothing_else() -> None:
    received: list[PairLabels] = []

    def compute_distance(
        ego: Tensor,
        exo: Tensor,
        ego_target: Tensor,
        exo_target: Tensor,
        pairs: Sequence[PairLabels],
    ) -> Tensor:
        received.extend(pairs)
        return ((ego - ego_target) ** 2 + (exo - exo_target) ** 2).sum()

    training_set = replace(make_training_set(), objective=compute_distance)
    train_model(
        make_model(replace(METHOD, epochs=1)),
        training_set,
        seed=0,
        validation_metric=lambda: 0.0,
        progress=NullProgress(),
    )
    assert {pair.id for pair in received} == {pair.id for pair in training_set.pairs}
    for pair in received:
        assert [field.name for field in fields(pair)] == ["id", "ego", "exo", "narration"]
        for clip in (pair.ego, pair.exo):
            assert [field.name for field in fields(clip)] == ["id", "narration", "verbs", "nouns"]


def test_the_same_seed_gives_the_same_weights_after_other_random_numbers() -> None:
    states = []
    for noise in (1, 5):
        torch.manual_seed(noise)
        torch.rand(noise)
        model = make_model()
        train_model(
            model,
            make_training_set(),
            seed=3,
            validation_metric=lambda: 0.0,
            progress=NullProgress(),
        )
        states.append(model.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_weights_of_the_first_best_epoch_are_loaded() -> None:
    values = iter([0.1, 0.7, 0.3, 0.7, 0.2, 0.0])
    states: list[dict[str, torch.Tensor]] = []
    model = make_model()

    def record_state() -> float:
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return next(values)

    best = train_model(
        model, make_training_set(), seed=0, validation_metric=record_state, progress=NullProgress()
    )
    assert (best.epoch, best.validation_value) == (2, 0.7)
    assert [epoch.validation_value for epoch in best.history] == [0.1, 0.7, 0.3, 0.7, 0.2, 0.0]
    losses = [epoch.loss for epoch in best.history]
    assert losses[-1] < losses[0]
    final = model.state_dict()
    assert all(torch.equal(final[name], states[1][name]) for name in final)
    assert not all(torch.equal(final[name], states[5][name]) for name in final)


def test_frozen_tokens_are_standardized_by_the_training_pairs() -> None:
    model, training_set = make_model(), make_training_set()
    train_model(model, training_set, seed=0, validation_metric=lambda: 0.0, progress=NullProgress())
    assert training_set.inputs.audio is not None
    ids = [clip.id for pair in training_set.pairs for clip in (pair.ego, pair.exo)]
    mean, deviation = training_set.inputs.audio.mean_std(ids)
    projector = model.projectors["audio"]
    assert torch.allclose(projector.mean, mean, atol=1e-5)  # type: ignore[arg-type]
    assert torch.allclose(projector.std, deviation, atol=1e-5)  # type: ignore[arg-type]


def test_a_loss_that_is_nan_stops_with_one_line() -> None:
    model = make_model(replace(METHOD, lr=1e12, schedule="constant"))
    with pytest.raises(EgoExoBenchError, match="try a smaller learning rate"):
        train_model(
            model,
            make_training_set(),
            seed=0,
            validation_metric=lambda: 0.0,
            progress=NullProgress(),
        )


@pytest.mark.parametrize("batch", [23, 5])
def test_a_last_batch_of_one_pair_is_skipped(batch: int) -> None:
    model = make_model(replace(METHOD, batch_size=batch, epochs=1))
    train_model(
        model, make_training_set(), seed=0, validation_metric=lambda: 0.0, progress=NullProgress()
    )
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_stored_weights_give_the_same_embeddings(tmp_path) -> None:
    training_set, model = make_training_set(), make_model()
    best_epoch = train_model(
        model, training_set, seed=0, validation_metric=lambda: 0.5, progress=NullProgress()
    )
    path = tmp_path / "deep" / f"{hash_json({})}.safetensors"
    checkpoint.save_checkpoint(path, model, best_epoch, {})
    loaded = make_model(seed=9)
    assert checkpoint.load_checkpoint(path, loaded) == best_epoch
    clips = [pair.ego for pair in training_set.pairs]
    pair, two = (embed_clips(m, training_set.inputs, clips).vectors for m in (model, loaded))
    assert torch.equal(pair, two)


def test_weights_that_do_not_fit_are_trained_again(tmp_path) -> None:
    path = tmp_path / f"{hash_json({})}.safetensors"
    checkpoint.save_checkpoint(path, make_model(), BestEpoch(1, 0.0), {})
    assert checkpoint.load_checkpoint(path, make_model(replace(METHOD, embed_dim=32))) is None


def make_camera_set(seed: int, num_activities: int, num_cameras: int = 4) -> TrainingSet:
    """One ego clip and some exo clips for each activity; all are noisy copies of one vector."""
    rng = np.random.default_rng(seed)
    pairs = [p for i in range(num_activities) for p in make_cameras(f"{i}-", num_cameras)]
    vectors = np.repeat(rng.standard_normal((num_activities, 6)), num_cameras, axis=0)
    truth = {pair.id: vector for pair, vector in zip(pairs, vectors, strict=True)}

    def make_bank(rows: dict[str, str]) -> FeatureBank:
        values = [truth[name] + rng.standard_normal((3, 6)) for name in rows.values()]
        return FeatureBank(list(rows), [FeatureRows(row.astype(np.float32), "") for row in values])

    clips = {clip.id: pair.id for pair in pairs for clip in (pair.ego, pair.exo)}
    texts = {pair.id: pair.id for pair in pairs}
    inputs = FeatureInputs(make_bank(clips), make_bank(clips), make_bank(texts), make_bank(texts))
    return TrainingSet(pairs, inputs, sound_text(), info_nce())


def compute_camera_hit_rate(model: EmbeddingModel, data: TrainingSet) -> float:
    """Hit rate at 1 of ego clips among all exo clips, in percent."""
    clips = list({c.id: c for pair in data.pairs for c in (pair.ego, pair.exo)}.values())
    embeddings = embed_clips(model, data.inputs, clips)
    queries = build_queries(FakeDataset(list(data.pairs)), "test", "eg2ex", "gallery")
    ranks = rank_queries(queries, embeddings, embeddings)
    return 100 * float(hit_rate_at_k(ranks, 1).mean())


def test_four_cameras_are_learned_better_without_negatives_of_one_clip(monkeypatch) -> None:
    def ignore_moments(pairs: Sequence[Pair]) -> PairMoments:
        numbers = range(2 * len(pairs))
        by_pair = list(zip(numbers[::2], numbers[1::2], strict=True))
        return PairMoments(by_pair, [frozenset({number}) for number in numbers])

    def train_and_score(seed: int) -> float:
        model, test = make_model(replace(METHOD, batch_size=48, epochs=12), seed), test_sets[seed]
        train_model(
            model,
            make_camera_set(seed, 12),
            seed=seed,
            validation_metric=lambda: compute_camera_hit_rate(model, test),
            progress=NullProgress(),
        )
        return compute_camera_hit_rate(model, test)

    test_sets = {seed: make_camera_set(100 + seed, 30) for seed in range(2)}
    scores = [train_and_score(seed) for seed in test_sets]
    monkeypatch.setattr(loop, "find_moments", ignore_moments)
    scores_before = [train_and_score(seed) for seed in test_sets]
    assert np.mean(scores) > np.mean(scores_before) + 3


def test_training_pairs_of_one_moment_stop_with_one_line() -> None:
    with pytest.raises(DataError, match="all 4 training pairs show one moment"):
        train_model(
            make_model(),
            make_camera_set(0, 1),
            seed=0,
            validation_metric=lambda: 0.0,
            progress=NullProgress(),
        )
