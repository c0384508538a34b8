"""Queries follow from the relevance, and a relevance that does not fit its data set is refused."""

import numpy as np
import pytest
from fake_data import FakeDataset

from egoexobench.data.candidate_lists import list_own_policies
from egoexobench.data.graded_queries import build_graded_queries, read_relevance
from egoexobench.errors import PartError
from egoexobench.types import Relevance

CLIPS, TEXTS = ("a/ego", "b/ego", "c/ego"), ("a", "b")
VALUES = np.array([[1, 0.5], [1, 1], [0, 0.25]])


class RelevantDataset(FakeDataset):
    """Three clips and two texts."""

    relevance = Relevance(CLIPS, TEXTS, VALUES)

    def get_relevance(self, split):
        return self.relevance if split == "test" else None


def test_clips_and_texts_with_a_right_answer_are_queries_over_one_gallery() -> None:
    dataset = RelevantDataset()
    clips = build_graded_queries(dataset, "test", "v2t")
    assert [(q.source, q.positives, q.cluster) for q in clips] == [
        ("a/ego", (0,), "a"),
        ("b/ego", (0, 1), "b"),
    ]
    texts = build_graded_queries(dataset, "test", "t2v")
    assert [(q.source, q.positive_ids, q.cluster) for q in texts] == [
        ("a", ("a/ego", "b/ego"), "a"),
        ("b", ("b/ego",), "b"),
    ]
    assert {query.gallery.ids for query in texts} == {CLIPS}
    assert build_graded_queries(dataset, "val", "v2t") == []


def test_only_tasks_with_texts_have_graded_relevance() -> None:
    policies = {task: list_own_policies(RelevantDataset(), task) for task in ("eg2ex", "t2v")}
    assert policies == {"eg2ex": (), "t2v": ("multi-instance",)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"values": VALUES.T}, r"has the shape \(2, 3\), where its ids give \(3, 2\)"),
        ({"values": VALUES * 1.5}, "1.5 of clip 'a/ego' and text 'a' is not from 0 to 1"),
        ({"values": VALUES + np.nan}, "nan of clip 'a/ego'"),
        ({"clip_ids": ("a/ego", "b/ego", "x")}, "'x' is no clip of the split"),
        ({"clip_ids": ("a", "b/ego", "c/ego")}, "'a' is no clip of the split"),
        ({"text_ids": ("a", "a")}, "text 'a' stands 2 times"),
        ({"text_ids": (), "values": VALUES[:, :0]}, "it has no clip or no text"),
    ],
)
def test_a_relevance_that_does_not_fit_is_refused(changes, reason) -> None:
    fields = {"clip_ids": CLIPS, "text_ids": TEXTS, "values": VALUES} | changes
    dataset = RelevantDataset()
    dataset.relevance = Relevance(**fields)
    with pytest.raises(PartError, match=f"relevance of RelevantDataset in split test: .*{reason}"):
        read_relevance(dataset, "test")
