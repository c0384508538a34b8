import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from egoexobench.errors import DataError
from egoexobench.evaluation import linear_probe, tasks
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.evaluation.recognition import LabeledEmbeddings, score_classes, score_recognition
from egoexobench.types import Embeddings

VERBS = ["cut", "mix", "pour", "put", "take", "wash", "fill", "open"]


def make_labeled(split, count=90, most=3, noise=0.6, verbs=VERBS, seed=0):
    """Items of one to ``most`` verbs, and embeddings that are a noisy mixture of them."""
    rng = np.random.default_rng([seed, count])
    basis = np.random.default_rng(77).normal(size=(len(VERBS), 12))
    result, vectors = [], []
    for number in range(count):
        chosen = rng.choice(verbs, rng.integers(1, most + 1), replace=False)
        labels = tuple(sorted(chosen))
        result.append(LabeledClip(f"{split}{number:03}", labels, f"{split}{number // 3}"))
        own = sum(basis[VERBS.index(label)] for label in labels)
        vectors.append(own + noise * rng.normal(size=12))
    ids = tuple(item.clip_id for item in result)
    return LabeledEmbeddings(result, Embeddings(ids, torch.tensor(np.array(vectors)).float()))


def score_splits(train, test, **options):
    return score_recognition(train, test, rng=np.random.default_rng(0), **options)


def test_metrics_of_scores_are_those_of_scikit_learn_and_of_loops():
    rng = np.random.default_rng(0)
    test = make_labeled("test", 60)
    scores = rng.random((60, 8))
    result = score_classes(scores, test.clips, VERBS, rng=rng)
    truth = np.array([[verb in item.labels for verb in VERBS] for item in test.clips])
    reference = average_precision_score(truth, scores, average="macro")
    assert result.metrics["map"].value == pytest.approx(100 * reference)
    best = scores.argmax(1)
    hits = np.mean([VERBS[c] in item.labels for c, item in zip(best, test.clips, strict=True)])
    assert result.metrics["hit_rate_at_1"].value == pytest.approx(100 * hits)
    recalls = []
    for column, verb in enumerate(VERBS):
        rows = [row for row, item in enumerate(test.clips) if verb in item.labels]
        recalls.append(np.mean([column in np.argsort(-scores[row])[:5] for row in rows]))
    assert result.metrics["recall_at_5"].value == pytest.approx(100 * np.mean(recalls))
    for row, item in zip(result.query_results, test.clips, strict=True):
        position = test.clips.index(item)
        ranked = [VERBS[c] for c in np.argsort(-scores[position])]
        assert row.optimistic == row.pessimistic == 1 + min(map(ranked.index, item.labels))
        assert (row.source, row.positive_ids, row.cluster) == (
            item.clip_id,
            item.labels,
            item.cluster,
        )


def test_the_layer_learns_the_classes_from_informative_embeddings():
    result = score_splits(
        make_labeled("train", 300), make_labeled("test"), val=make_labeled("val", 60)
    )
    assert result.metrics["hit_rate_at_1"].value > 85
    assert result.metrics["map"].low > 2 * result.metrics["map"].chance
    for name, metric in result.metrics.items():
        assert name in tasks.METRICS_INFO
        assert metric.low <= metric.value <= metric.high
        assert metric.chance <= metric.majority + 1e-9
    assert (result.num_queries, result.num_clusters, result.candidate_range) == (90, 30, (8, 8))


def test_random_embeddings_score_about_chance():
    train, test = make_labeled("train", 300), make_labeled("test", 300)
    generator = torch.Generator().manual_seed(0)
    blind = [
        LabeledEmbeddings(
            split.clips, Embeddings(split.embeddings.ids, torch.randn(300, 12, generator=generator))
        )
        for split in (train, test)
    ]
    result = score_splits(*blind)
    assert result.metrics["map"].value == pytest.approx(result.metrics["map"].chance, abs=5)


def test_items_of_one_class_are_scored_as_a_subset():
    test = make_labeled("test")
    result = score_splits(make_labeled("train", 200), test)
    single = [item for item in test.clips if len(item.labels) == 1]
    assert 0 < len(single) < 90
    part = result.by_subset["single"]
    assert part.num_queries == len(single)
    hits = [row.top1_probability for row in result.query_results if len(row.positive_ids) == 1]
    assert part.metrics["hit_rate_at_1"].value == pytest.approx(100 * np.mean(hits))
    assert part.metrics["hit_rate_at_1"].chance == pytest.approx(100 / 8)


def test_items_that_all_have_one_class_have_no_subsets():
    assert score_splits(make_labeled("train", most=1), make_labeled("test", most=1)).by_subset == {}


def test_the_order_of_the_items_does_not_matter():
    train, test, val = make_labeled("train", 60), make_labeled("test", 40), make_labeled("val", 30)

    def reverse_items(split):
        vectors = Embeddings(split.embeddings.ids[::-1], split.embeddings.vectors.flip(0))
        return LabeledEmbeddings(split.clips[::-1], vectors)

    result = score_splits(reverse_items(train), reverse_items(test), val=reverse_items(val))
    assert result == score_splits(train, test, val=val)


def test_items_without_an_embedding_are_dropped_and_counted():
    train, test = make_labeled("train", 60), make_labeled("test", 40)
    part = Embeddings(test.embeddings.ids[3:], test.embeddings.vectors[3:])
    result = score_splits(train, LabeledEmbeddings(test.clips, part))
    assert (result.num_queries, result.num_dropped) == (37, 3)
    assert result.query_results[0].source == "test003"


def test_a_class_without_training_items_is_ranked_last_and_counts():
    train, test = make_labeled("train", 60, verbs=VERBS[:6]), make_labeled("test", 60)
    result = score_splits(train, test)
    assert result.candidate_range == (8, 8)
    never = [row for row in result.query_results if set(row.positive_ids) <= set(VERBS[6:])]
    assert never
    assert all(row.optimistic == 7 and row.top1_probability == 0 for row in never)


def test_validation_items_of_unknown_classes_are_ignored():
    train, test = (
        make_labeled("train", 60, verbs=VERBS[:4]),
        make_labeled("test", 30, verbs=VERBS[:4]),
    )
    val = make_labeled("val", 30, verbs=VERBS[4:])
    assert score_splits(train, test, val=val) == score_splits(train, test)


@pytest.mark.parametrize(("empty", "name"), [("train", "training"), ("test", "test")])
def test_a_split_without_embeddings_is_an_error(empty, name):
    splits = {"train": make_labeled("train", 20), "test": make_labeled("test", 20)}
    splits[empty] = LabeledEmbeddings(splits[empty].clips, Embeddings((), torch.zeros(0, 12)))
    with pytest.raises(DataError, match=f"none of the 20 {name} clips has an embedding"):
        score_splits(splits["train"], splits["test"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_embedding_that_is_not_a_number_is_named(split):
    splits = {"train": make_labeled("train", 20), "test": make_labeled("test", 20)}
    splits[split].embeddings.vectors[7, 3] = float("nan")
    with pytest.raises(DataError, match=f"1 of 20 .* '{split}007'"):
        score_splits(splits["train"], splits["test"])


def test_items_are_ranked_for_a_class_by_its_probability():
    train, test = make_labeled("train", 60, noise=3), make_labeled("test", 60, noise=3)
    truth = torch.tensor(
        [[float(verb in item.labels) for verb in sorted(VERBS)] for item in train.clips]
    )
    layer = linear_probe.fit_linear_probe(
        train.embeddings.vectors, truth / truth.sum(1, keepdim=True)
    )
    scores = linear_probe.predict_logits(layer, test.embeddings.vectors).softmax(1).numpy()
    truth = np.array([[verb in item.labels for verb in sorted(VERBS)] for item in test.clips])
    reference = average_precision_score(truth, scores, average="macro")
    assert score_splits(train, test).metrics["map"].value == pytest.approx(100 * reference)
