"""The lists of 20 candidates of `ego-exo4d`, compared with the rule written once more."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from ego_exo4d_root import (
    SCENARIOS,
    make_segment,
    make_take,
    write_ego_exo4d_root,
    write_keysteps,
    write_takes,
)

from egoexobench.data.query_faults import find_query_fault, read_split_items
from egoexobench.types import Clip, Query, Task
from egoexobench_plugins.ego_exo4d import ego_exo4d
from egoexobench_plugins.ego_exo4d.candidates import ListPolicy
from egoexobench_plugins.ego_exo4d.dataset import EgoExo4DDataset

POLICIES: tuple[ListPolicy, ...] = ("sync-take", "sync-scenario", "sync-random", "async")
TASKS: tuple[Task, ...] = ("eg2ex", "ex2eg")


def make_dataset(root: Path, **options: object) -> EgoExo4DDataset:
    dataset = ego_exo4d(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, EgoExo4DDataset)
    return dataset


def collect_clips(dataset: EgoExo4DDataset) -> dict[str, Clip]:
    return {clip.id: clip for clip in dataset.clips("test")}


def get_moment(name: str) -> str:
    return name.rpartition("/")[0]


def get_take(name: str) -> str:
    return name.partition("/")[0]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight takes of two scenarios; two takes of each are of one capture."""
    root = write_ego_exo4d_root(tmp_path_factory.mktemp("lists"), num_train=1)
    takes = [
        make_take(
            f"val{index:02}",
            parent_task_name=SCENARIOS[index % 2],
            capture_uid=f"capture-{index % 4}",
        )
        for index in range(8)
    ]
    write_takes(root, {"val": takes})
    rows = {take["take_uid"]: [make_segment(2.0 * i, i % 4) for i in range(24)] for take in takes}
    write_keysteps(root, "val", rows)
    return root


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("task", TASKS)
def test_every_listed_query_can_be_answered_fairly(
    root: Path, task: Task, policy: ListPolicy
) -> None:
    dataset = make_dataset(root)
    items = read_split_items(dataset, "test")
    queries = dataset.list_queries("test", task, policy)
    assert len(queries) == 8 * 24
    assert [find_query_fault(query, task, items) for query in queries] == [None] * len(queries)
    assert {len(query.gallery.ids) for query in queries} == {20}
    assert {query.cluster for query in queries} == {f"capture-{i}" for i in range(4)}
    assert dataset.list_queries("train", task, policy) == []


def test_the_wrong_candidates_are_of_the_kind_of_their_policy(root: Path) -> None:
    dataset = make_dataset(root)
    clips = collect_clips(dataset)
    checks: dict[str, Callable[[Clip, Clip], bool]] = {
        "sync-take": lambda a, b: get_take(a.id) == get_take(b.id) and a.start != b.start,
        "sync-scenario": lambda a, b: get_take(a.id) != get_take(b.id) and a.scene == b.scene,
        "sync-random": lambda a, b: get_take(a.id) != get_take(b.id),
        "async": lambda a, b: a.take != b.take,
    }
    for policy in POLICIES:
        for query in dataset.list_queries("test", "eg2ex", policy):
            right = set(query.positive_ids)
            for name in query.gallery.ids:
                is_checked = policy == "async" or name not in right
                assert not is_checked or checks[policy](clips[query.source], clips[name])
            if policy == "async":
                step = clips[query.source].verbs
                same = {name for name in query.gallery.ids if clips[name].verbs == step}
                assert right == same
            else:
                assert right == {query.source.replace("/ego", "/exo")}


def test_random_lists_reach_other_scenarios_and_async_has_several_right_candidates(
    root: Path,
) -> None:
    dataset = make_dataset(root)
    clips = collect_clips(dataset)
    scenes = {
        clips[name].scene == clips[query.source].scene
        for query in dataset.list_queries("test", "ex2eg", "sync-random")
        for name in query.gallery.ids
    }
    assert scenes == {True, False}
    counts = [len(q.positives) for q in dataset.list_queries("test", "eg2ex", "async")]
    assert min(counts) >= 1
    # one of four steps is right: one candidate for sure, and a quarter of the other 19
    assert 5 < sum(counts) / len(counts) < 6.5


def draw_by_the_rule(seed: int, policy: str, moment: str, pool: list[str]) -> list[str]:
    def take_hash(text: str) -> int:
        digest = hashlib.sha256(f"{seed}/{policy}/{moment}{text}".encode()).hexdigest()
        return int(digest, 16)

    wrong: list[str] = []
    number = 0
    while len(wrong) < 19:
        name = pool[take_hash(f"/{number}") % len(pool)]
        number += 1
        if name not in wrong and name != moment and get_take(name) != get_take(moment):
            wrong.append(name)
    wrong.insert(take_hash("") % 20, moment)
    return wrong


def test_lists_follow_the_published_rule(root: Path) -> None:
    dataset = make_dataset(root, seed=3)
    pool = sorted({get_moment(clip.id) for clip in dataset.clips("test")})
    queries = dataset.list_queries("test", "ex2eg", "sync-random")
    for query in queries[::7]:
        expected = draw_by_the_rule(3, "sync-random", get_moment(query.source), pool)
        assert [get_moment(name) for name in query.gallery.ids] == expected
    assert list(queries) != list(make_dataset(root).list_queries("test", "ex2eg", "sync-random"))


@pytest.mark.parametrize("policy", POLICIES)
def test_lists_do_not_depend_on_the_order_of_the_rows(
    root: Path, tmp_path: Path, policy: ListPolicy
) -> None:
    def list_by_source(folder: Path) -> dict[str, Query]:
        queries = make_dataset(folder).list_queries("test", "eg2ex", policy)
        return {query.source: query for query in queries}

    names = [f"val{index:02}" for index in reversed(range(8))]
    takes = [
        make_take(
            name,
            parent_task_name=SCENARIOS[int(name[3:]) % 2],
            capture_uid=f"capture-{int(name[3:]) % 4}",
        )
        for name in names
    ]
    write_takes(tmp_path, {"val": takes})
    segments = [make_segment(2.0 * i, i % 4) for i in reversed(range(24))]
    write_keysteps(tmp_path, "val", {take["take_uid"]: segments for take in takes})
    assert list_by_source(tmp_path) == list_by_source(root)


def test_the_positions_of_right_candidates_are_spread_over_the_list(root: Path) -> None:
    queries = make_dataset(root).list_queries("test", "eg2ex", "sync-random")
    positions = Counter(query.positives[0] for query in queries)
    assert set(positions) == set(range(20))
    assert max(positions.values()) < 25


def test_a_moment_with_fewer_than_19_wrong_candidates_has_no_list(tmp_path: Path) -> None:
    write_takes(tmp_path, {"val": [make_take("a"), make_take("b", parent_task_name=None)]})
    segments = [make_segment(2.0 * i, i) for i in range(20)]
    rows = {"uid-a": segments, "uid-b": segments[:19]}
    write_keysteps(tmp_path, "val", rows)
    dataset = make_dataset(tmp_path)
    counts = {policy: len(dataset.list_queries("test", "eg2ex", policy)) for policy in POLICIES}
    # of b: 20 moments of a are of another take; of a: only 19 of b
    assert counts == {"sync-take": 20, "sync-scenario": 0, "sync-random": 39, "async": 19}
    assert make_dataset(tmp_path, clips="descriptions").list_policies("eg2ex") == POLICIES[:3]
    assert dataset.list_policies("t2v") == ()


def test_moments_that_overlap_are_no_wrong_candidates_of_each_other(tmp_path: Path) -> None:
    write_takes(tmp_path, {"val": [make_take("a")]})
    rows = [make_segment(1.0 * i, i) for i in range(24)]  # 1.5 s long, so that neighbors overlap
    write_keysteps(tmp_path, "val", {"uid-a": rows})
    dataset = make_dataset(tmp_path)
    clips = collect_clips(dataset)
    queries = dataset.list_queries("test", "eg2ex", "sync-take")
    assert len(queries) == 24
    for query in queries:
        starts = [clips[name].start for name in query.gallery.ids if name not in query.positive_ids]
        assert all(abs(start - clips[query.source].start) >= 1.5 for start in starts)
