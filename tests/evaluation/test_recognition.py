import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from egoexobench.errors import DataError
from egoexobench.evaluation import linear_probe, tasks
from egoexobench.evaluation.recognition import Labelled, score_classes, score_recognition
from egoexobench.evaluation.tracks import Item
from egoexobench.types import Embeddings

VERBS = ["cut", "mix", "pour", "put", "take", "wash", "fill", "open"]


def told(split, count=90, most=3, noise=0.6, verbs=VERBS, seed=0):
    """Items of one to ``most`` verbs, and embeddings that are a noisy mixture of them."""
    rng = np.random.default_rng([seed, count])
    basis = np.random.default_rng(77).normal(size=(len(VERBS), 12))
    found, vectors = [], []
    for number in range(count):
        chosen = rng.choice(verbs, rng.integers(1, most + 1), replace=False)
        labels = tuple(sorted(chosen))
        found.append(Item(f"{split}{number:03}", labels, f"{split}{number // 3}"))
        own = sum(basis[VERBS.index(label)] for label in labels)
        vectors.append(own + noise * rng.normal(size=12))
    ids = tuple(item.clip for item in found)
    return Labelled(found, Embeddings(ids, torch.tensor(np.array(vectors)).float()))


def scored(train, test, **rest):
    return score_recognition(train, test, np.random.default_rng(0), **rest)


def test_metrics_of_given_scores_are_those_of_scikit_learn_and_of_loops():
    rng = np.random.default_rng(0)
    test = told("test", 60)
    scores = rng.random((60, 8))
    found = score_classes(scores, test.items, VERBS, rng)
    truth = np.array([[verb in item.labels for verb in VERBS] for item in test.items])
    wanted = average_precision_score(truth, scores, average="macro")
    assert found.metrics["map"].value == pytest.approx(100 * wanted)
    best = scores.argmax(1)
    hits = np.mean([VERBS[c] in item.labels for c, item in zip(best, test.items, strict=True)])
    assert found.metrics["hit_rate_at_1"].value == pytest.approx(100 * hits)
    recalls = []
    for column, verb in enumerate(VERBS):
        rows = [row for row, item in enumerate(test.items) if verb in item.labels]
        recalls.append(np.mean([column in np.argsort(-scores[row])[:5] for row in rows]))
    assert found.metrics["recall_at_5"].value == pytest.approx(100 * np.mean(recalls))
    for row, item in zip(found.rows, test.items, strict=True):
        place = test.items.index(item)
        ranked = [VERBS[c] for c in np.argsort(-scores[place])]
        assert row.optimistic == row.pessimistic == 1 + min(map(ranked.index, item.labels))
        assert (row.source, row.answers, row.cluster) == (item.clip, item.labels, item.cluster)


def test_the_layer_learns_what_the_embeddings_tell():
    found = scored(told("train", 300), told("test"), val=told("val", 60))
    assert found.metrics["hit_rate_at_1"].value > 85
    assert found.metrics["map"].low > 2 * found.metrics["map"].chance
    for name, metric in found.metrics.items():
        assert name in tasks.METRICS
        assert metric.low <= metric.value <= metric.high
        assert metric.chance <= metric.majority + 1e-9
    assert (found.n, found.clusters, found.candidates) == (90, 30, (8, 8))


def test_embeddings_that_tell_nothing_score_about_chance():
    train, test = told("train", 300), told("test", 300)
    generator = torch.Generator().manual_seed(0)
    blind = [
        Labelled(
            split.items, Embeddings(split.embeddings.ids, torch.randn(300, 12, generator=generator))
        )
        for split in (train, test)
    ]
    found = scored(*blind)
    assert found.metrics["map"].value == pytest.approx(found.metrics["map"].chance, abs=5)


def test_items_of_one_class_are_a_part_of_their_own():
    test = told("test")
    found = scored(told("train", 200), test)
    single = [item for item in test.items if len(item.labels) == 1]
    assert 0 < len(single) < 90
    part = found.parts["single"]
    assert part.n == len(single)
    hits = [row.hit for row in found.rows if len(row.answers) == 1]
    assert part.metrics["hit_rate_at_1"].value == pytest.approx(100 * np.mean(hits))
    assert part.metrics["hit_rate_at_1"].chance == pytest.approx(100 / 8)


def test_items_that_all_have_one_class_have_no_parts():
    assert scored(told("train", most=1), told("test", most=1)).parts == {}


def test_the_order_of_the_items_does_not_matter():
    train, test, val = told("train", 60), told("test", 40), told("val", 30)

    def turned(split):
        vectors = Embeddings(split.embeddings.ids[::-1], split.embeddings.vectors.flip(0))
        return Labelled(split.items[::-1], vectors)

    found = scored(turned(train), turned(test), val=turned(val))
    assert found == scored(train, test, val=val)


def test_items_without_an_embedding_are_dropped_and_counted():
    train, test = told("train", 60), told("test", 40)
    part = Embeddings(test.embeddings.ids[3:], test.embeddings.vectors[3:])
    found = scored(train, Labelled(test.items, part))
    assert (found.n, found.dropped) == (37, 3)
    assert found.rows[0].source == "test003"


def test_a_class_that_was_never_trained_is_ranked_last_and_counts():
    train, test = told("train", 60, verbs=VERBS[:6]), told("test", 60)
    found = scored(train, test)
    assert found.candidates == (8, 8)
    never = [row for row in found.rows if set(row.answers) <= set(VERBS[6:])]
    assert never
    assert all(row.optimistic == 7 and row.hit == 0 for row in never)


def test_validation_items_of_unknown_classes_are_left_out():
    train, test = told("train", 60, verbs=VERBS[:4]), told("test", 30, verbs=VERBS[:4])
    val = told("val", 30, verbs=VERBS[4:])
    assert scored(train, test, val=val) == scored(train, test)


@pytest.mark.parametrize(("empty", "name"), [("train", "training"), ("test", "test")])
def test_a_split_without_embeddings_is_an_error(empty, name):
    splits = {"train": told("train", 20), "test": told("test", 20)}
    splits[empty] = Labelled(splits[empty].items, Embeddings((), torch.zeros(0, 12)))
    with pytest.raises(DataError, match=f"none of 20 {name} items has an embedding"):
        scored(splits["train"], splits["test"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_embedding_that_is_not_a_number_is_named(split):
    splits = {"train": told("train", 20), "test": told("test", 20)}
    splits[split].embeddings.vectors[7, 3] = float("nan")
    with pytest.raises(DataError, match=f"1 of 20 .* '{split}007'"):
        scored(splits["train"], splits["test"])


def test_items_are_ranked_for_a_class_by_its_probability():
    train, test = told("train", 60, noise=3), told("test", 60, noise=3)
    truth = torch.tensor(
        [[float(verb in item.labels) for verb in sorted(VERBS)] for item in train.items]
    )
    layer = linear_probe.fit(train.embeddings.vectors, truth / truth.sum(1, keepdim=True))
    scores = linear_probe.predict(layer, test.embeddings.vectors).softmax(1).numpy()
    asked = np.array([[verb in item.labels for verb in sorted(VERBS)] for item in test.items])
    wanted = average_precision_score(asked, scores, average="macro")
    assert scored(train, test).metrics["map"].value == pytest.approx(100 * wanted)
