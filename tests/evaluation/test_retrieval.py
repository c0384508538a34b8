import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from sequences import Films, pair

from egoexobench.errors import DataError
from egoexobench.evaluation import retrieval, tasks, tracks
from egoexobench.evaluation.ranks import ranks
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import Embeddings, Gallery, Query

NAMES = [f"p{number:02}" for number in range(40)]
FILMS = Films([pair(name, take=f"t{place // 2}") for place, name in enumerate(NAMES)])
VIEWS = {clip.id: clip.view for clip in FILMS.clips("test")}


def embedded(ids, seed=0, noise=1.0):
    """Vectors that say which pair an id belongs to, more or less."""
    names = tuple(ids)
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randn(len(NAMES), 16, generator=torch.Generator().manual_seed(7))
    own = pairs[[NAMES.index(name[:3]) for name in names]]
    return Embeddings(names, own + noise * torch.randn(len(names), 16, generator=generator))


CLIPS = embedded(VIEWS)
TEXTS = embedded(NAMES, seed=1)


def scored(queries, source=CLIPS, target=CLIPS, policy="gallery", **rest):
    return score_retrieval(queries, source, target, np.random.default_rng(0), policy=policy, **rest)


def gallery(task):
    return tracks.questions(FILMS, "test", task, "gallery")


def listed(size=20):
    chance = random.Random(0)
    found = []
    for place, name in enumerate(NAMES):
        others = chance.sample([other for other in NAMES if other != name], size - 1)
        choices = [*others, name]
        chance.shuffle(choices)
        gallery = Gallery(tuple(f"{choice}/exo" for choice in choices))
        found.append(Query(f"{name}/ego", gallery, (choices.index(name),), f"t{place // 2}"))
    return found


def by_loop(query, source, target):
    """The rank of the answer, by sorting the cosines of one question."""
    own = source.vectors[source.ids.index(query.source)]
    scores = {
        name: torch.cosine_similarity(own, target.vectors[target.ids.index(name)], dim=0).item()
        for name in query.gallery.ids
    }
    return 1 + sorted(scores, key=scores.get, reverse=True).index(query.positive_ids[0])


@pytest.mark.parametrize("queries", [gallery("eg2ex"), listed(), listed(5) + listed(7)])
def test_metrics_are_those_of_a_loop_over_the_questions(queries):
    found = scored(queries)
    ranks = np.array([by_loop(query, CLIPS, CLIPS) for query in queries])
    for k in tasks.TOP:
        assert found.metrics[f"hit_rate_at_{k}"].value == pytest.approx(100 * np.mean(ranks <= k))
    assert found.metrics["median_rank"].value == np.median(ranks)
    assert found.metrics["mrr"].value == pytest.approx(np.mean(1 / ranks))
    sizes = np.array([len(query.gallery.ids) for query in queries])
    assert found.metrics["hit_rate_at_5"].chance == pytest.approx(100 * np.mean(5 / sizes))
    assert found.candidates == (sizes.min(), sizes.max())
    assert (found.n, found.clusters, found.dropped, found.missing) == (len(queries), 20, 0, 0)
    by_question = {(row.source, row.candidates): row for row in found.rows}
    for query, rank in zip(queries, ranks, strict=True):
        row = by_question[query.source, len(query.gallery.ids)]
        assert (row.optimistic, row.pessimistic) == (rank, rank)
        assert row.hit == (rank == 1)
        assert row.answers == query.positive_ids
        assert row.cluster == query.cluster


def test_every_metric_is_described_and_stands_in_its_interval():
    found = scored(gallery("eg2ex"))
    assert set(found.metrics) <= set(tasks.METRICS)
    for metric in found.metrics.values():
        assert metric.low <= metric.value <= metric.high
        assert metric.majority is None


def test_texts_are_broken_down_by_the_view_of_the_answer_and_videos_by_their_own():
    found = scored(gallery("t2v"), TEXTS, CLIPS, views=VIEWS)
    other = scored(gallery("v2t"), CLIPS, TEXTS, views=VIEWS)
    for score in (found, other):
        assert set(score.parts) == {"ego", "exo"}
        assert [part.n for part in score.parts.values()] == [40, 40]
        halves = [part.metrics["hit_rate_at_1"].value for part in score.parts.values()]
        assert score.metrics["hit_rate_at_1"].value == pytest.approx(np.mean(halves))
    alone = scored([q for q in gallery("t2v") if q.gallery.ids[0].endswith("exo")], TEXTS, CLIPS)
    assert found.parts["exo"].metrics["hit_rate_at_5"].value == alone.metrics["hit_rate_at_5"].value


def test_one_view_is_not_broken_down():
    assert scored(gallery("eg2ex"), views=VIEWS).parts == {}
    assert scored(gallery("t2v"), TEXTS, CLIPS).parts == {}


@pytest.mark.parametrize("queries", [gallery("v2t"), listed()])
def test_the_order_of_questions_and_embeddings_does_not_matter(queries):
    target = TEXTS if queries[0].gallery.ids[0] in NAMES else CLIPS
    plain = scored(queries, CLIPS, target, views=VIEWS)
    turned = Embeddings(CLIPS.ids[::-1], CLIPS.vectors.flip(0))
    assert scored(queries[::-1], turned, target, views=VIEWS) == plain


def without(embeddings, *gone):
    keep = [place for place, name in enumerate(embeddings.ids) if name not in gone]
    return Embeddings(tuple(embeddings.ids[place] for place in keep), embeddings.vectors[keep])


def test_a_gallery_goes_on_without_a_missing_candidate_and_counts_it():
    part = without(CLIPS, "p03/exo", "p05/ego")
    found = scored(gallery("eg2ex"), part, part)
    assert (found.n, found.dropped, found.missing) == (38, 2, 1)
    assert found.candidates == (39, 39)
    left = [name for name in NAMES if name not in {"p03", "p05"}]
    assert [row.source for row in found.rows] == [f"{name}/ego" for name in left]
    for row in found.rows:
        names = tuple(f"{name}/exo" for name in NAMES if name != "p03")
        query = Query(row.source, Gallery(names), (names.index(row.answers[0]),), "")
        assert row.optimistic == by_loop(query, CLIPS, CLIPS)


def test_a_listed_question_without_one_of_its_candidates_is_dropped_and_counted():
    queries = listed()
    found = scored(queries, CLIPS, without(CLIPS, "p03/exo"), policy="mcq20")
    asked = [query for query in queries if "p03/exo" not in query.gallery.ids]
    assert 0 < len(asked) < 40
    assert (found.n, found.dropped, found.missing) == (len(asked), 40 - len(asked), 0)
    assert found.candidates == (20, 20)


@pytest.mark.parametrize("queries", [[], gallery("eg2ex")])
def test_no_question_that_can_be_asked_is_an_error(queries):
    nothing = Embeddings(("z",), torch.zeros(1, 16))
    with pytest.raises(DataError, match=f"none of {len(queries)} questions can be scored"):
        scored(queries, nothing, nothing)


def test_an_embedding_that_is_not_a_number_is_an_error():
    vectors = CLIPS.vectors.clone()
    vectors[4] = float("nan")
    with pytest.raises(DataError, match="NaN"):
        scored(gallery("eg2ex"), Embeddings(CLIPS.ids, vectors), CLIPS)


def test_constant_embeddings_score_what_guessing_scores():
    constant = Embeddings(CLIPS.ids, torch.full((80, 16), 0.3))
    for metric in scored(gallery("eg2ex"), constant, constant).metrics.values():
        assert metric.value == pytest.approx(metric.chance)


def test_random_embeddings_score_about_what_guessing_scores():
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(60):
        vectors = torch.randn(80, 16, generator=generator)
        found = scored(
            gallery("eg2ex"), Embeddings(CLIPS.ids, vectors), Embeddings(CLIPS.ids, vectors)
        )
        values.append(found.metrics["hit_rate_at_10"].value)
    # 60 times 40 questions, each right one time in four.
    assert np.mean(values) == pytest.approx(
        found.metrics["hit_rate_at_10"].chance, abs=400 * (0.1875 / 2400) ** 0.5
    )


def test_the_dot_product_can_be_asked_for():
    longer = Embeddings(CLIPS.ids, CLIPS.vectors * torch.linspace(0.1, 9, 80)[:, None])
    cosine = scored(gallery("eg2ex"), longer, longer)
    assert cosine.metrics == scored(gallery("eg2ex")).metrics
    dot = scored(gallery("eg2ex"), longer, longer, similarity="dot")
    assert dot.metrics != cosine.metrics


def test_sides_of_different_sizes_count_alike():
    queries = [*gallery("eg2ex"), *gallery("ex2eg")[:7]]
    found = scored(queries, views=VIEWS)
    for name in ("hit_rate_at_1", "hit_rate_at_5", "mrr"):
        sides = [part.metrics[name].value for part in found.parts.values()]
        assert found.metrics[name].value == pytest.approx(np.mean(sides))
        chances = [part.metrics[name].chance for part in found.parts.values()]
        assert found.metrics[name].chance == pytest.approx(np.mean(chances))
        assert found.metrics[name].low <= found.metrics[name].value <= found.metrics[name].high
    pooled = scored(queries).metrics["mrr"].value
    assert pooled != pytest.approx(found.metrics["mrr"].value)


def test_a_text_finds_either_view_at_least_as_well_as_the_better_one():
    asked = tracks.questions(FILMS, "test", "t2v", "both-views")
    found = scored(asked, TEXTS, CLIPS, policy="both-views", views=VIEWS)
    assert found.n == len(NAMES)
    assert not found.parts
    assert found.metrics["hit_rate_at_1"].chance == pytest.approx(100 * 2 / 80)
    assert {len(row.answers) for row in found.rows} == {2}


def test_a_candidate_that_is_missing_takes_no_other_right_answer_with_it():
    asked = tracks.questions(FILMS, "test", "t2v", "both-views")
    kept = tuple(name for name in CLIPS.ids if name not in ("p00/exo", "p01/ego"))
    rows = torch.tensor([CLIPS.ids.index(name) for name in kept])
    found = scored(asked, TEXTS, Embeddings(kept, CLIPS.vectors[rows]), policy="both-views")
    assert found.missing == 2
    answers = {row.source: row.answers for row in found.rows}
    assert answers["p00"] == ("p00/ego",)
    assert answers["p01"] == ("p01/exo",)
    assert set(answers["p02"]) == {"p02/ego", "p02/exo"}


def test_queries_over_copies_of_one_gallery_are_ranked_by_one_product(monkeypatch):
    shared = gallery("eg2ex")
    copies = [replace(query, gallery=Gallery((*query.gallery.ids,))) for query in shared]
    assert len({id(query.gallery.ids) for query in copies}) == len(copies)
    expected, choices = scored(shared), []

    def spy(*args, **options):
        choices.append(options.get("choices"))
        return ranks(*args, **options)

    monkeypatch.setattr(retrieval, "ranks", spy)
    assert scored(copies) == expected
    assert choices == [None]
