"""Metrics take NumPy arrays as well as tensors."""

import numpy as np
import pytest
import torch

from egoexobench.evaluation import classification, intervals, linear_probe, significance
from egoexobench.evaluation.arrays import to_floats, to_tensor
from egoexobench.evaluation.queries import LabeledClip
from egoexobench.evaluation.ranks import compute_ranks
from egoexobench.evaluation.recognition import LabeledEmbeddings, score_recognition
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import Embeddings, Gallery, Query

VECTORS = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
SCORES = torch.rand(12, 3, generator=torch.Generator().manual_seed(1))
TRUTH = torch.eye(3, dtype=torch.bool).repeat(4, 1)
ONES = torch.ones(1, 12)
CLUSTERS = list("abcdefghijkl")
NAMES = tuple(CLUSTERS)


def score_queries(vectors):
    embeddings = Embeddings(NAMES, vectors)
    queries = [
        Query(name, Gallery(NAMES), (index, (index + 1) % 12), name)
        for index, name in enumerate(NAMES)
    ]
    rng = np.random.default_rng(0)
    return score_retrieval(queries, embeddings, embeddings, rng=rng, policy="gallery")


def score_labels(vectors):
    clips = [LabeledClip(name, (str(index % 3),), name) for index, name in enumerate(NAMES)]
    labeled = LabeledEmbeddings(clips, Embeddings(NAMES, vectors))
    return score_recognition(labeled, labeled, rng=np.random.default_rng(0))


def rank_listed(vectors, choices):
    ranks = compute_ranks(vectors, vectors, [0] * 12, choices=choices)
    return ranks.optimistic.tolist()


def compare_pairs(a, b):
    return intervals.paired_test(a, b, CLUSTERS, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("function", "tensors"),
    [
        (score_queries, (VECTORS,)),
        (score_labels, (VECTORS,)),
        (rank_listed, (VECTORS, torch.arange(12).repeat(12, 1))),
        (compare_pairs, (SCORES[:, 0], SCORES[:, 1])),
        (classification.top1_accuracy, (SCORES, TRUTH)),
        (classification.class_mean_recall, (SCORES, TRUTH, ONES)),
        (classification.average_precision, (SCORES, TRUTH, ONES)),
        (classification.chance_top1_accuracy, (TRUTH,)),
        (classification.majority_top1_accuracy, (TRUTH,)),
        (significance.mcnemar_test, (TRUTH[:, 0], TRUTH[:, 1])),
        (lambda x, y: linear_probe.fit_linear_probe(x, y).weight.tolist(), (VECTORS, TRUTH)),
    ],
)
def test_an_array_gives_what_a_tensor_gives(function, tensors):
    from_tensors = function(*tensors)
    from_arrays = function(*(tensor.numpy() for tensor in tensors))
    np.testing.assert_equal(from_arrays, from_tensors)


def test_an_array_that_torch_cannot_share_is_copied():
    array = np.arange(6.0).reshape(2, 3)[:, ::-1]
    array.flags.writeable = False
    assert to_tensor(array).tolist() == [[2, 1, 0], [5, 4, 3]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int64])
def test_every_type_of_number_becomes_float64(dtype):
    values = torch.tensor([0, 1], dtype=dtype)
    assert to_floats(values).dtype == np.float64
    assert to_floats(values).tolist() == [0, 1]
