from dataclasses import replace

from fake_data import make_cameras, make_pair

from egoexobench.data.pair_items import join_takes, resolve_pair_items
from egoexobench.types import Pair


def list_ids(pairs: list[Pair]) -> list[tuple[str, str, str, str]]:
    return [(item.ego, item.exo, item.text, item.cluster) for item in resolve_pair_items(pairs)]


def test_items_of_separate_pairs_have_the_ids_of_the_data_set():
    pairs = [make_pair("a", take="x"), replace(make_pair("b", take="x"), narration="someone a")]
    assert list_ids(pairs) == [("a/ego", "a/exo", "a", "x"), ("b/ego", "b/exo", "b", "x")]


def test_an_ego_clip_with_an_id_for_each_pair_is_one_clip_with_one_text_in_one_cluster():
    shared = make_cameras("a", 3)
    copies = make_cameras("a", 3, share_ids=False)
    assert [pair.ego.id for pair in copies] == ["a1/ego", "a2/ego", "a3/ego"]
    assert [pair.ego.take for pair in copies] == ["a1", "a2", "a3"]
    for order in (shared, copies, copies[::-1]):
        assert sorted(list_ids(order)) == [
            ("a1/ego", f"a{camera}/exo", "a1", "a1") for camera in (1, 2, 3)
        ]


def test_pairs_of_one_clip_have_a_text_each_if_their_narrations_differ_or_are_empty():
    first, second, third = make_cameras("a", 3)
    for narrations in (("x", "y", "z"), ("", "", " ")):
        pairs = [
            replace(pair, narration=text)
            for pair, text in zip((first, second, third), narrations, strict=True)
        ]
        assert [item.text for item in resolve_pair_items(pairs)] == ["a1", "a2", "a3"]


def test_takes_are_joined_along_a_chain_of_shared_clips():
    a, b, c, d = (make_pair(name) for name in "abcd")
    chain = [a, replace(b, exo=a.exo), replace(c, ego=b.ego), d]
    takes = join_takes(chain)
    assert [takes.find(name) for name in "abcd"] == ["a", "a", "a", "d"]
    assert [item.cluster for item in resolve_pair_items(chain)] == ["a", "a", "a", "d"]


def test_clips_without_a_file_are_equal_only_if_their_id_is():
    pairs = [make_pair(name) for name in "ab"]
    pairs = [replace(pair, ego=replace(pair.ego, media="")) for pair in pairs]
    assert [item.ego for item in resolve_pair_items(pairs)] == ["a/ego", "b/ego"]
