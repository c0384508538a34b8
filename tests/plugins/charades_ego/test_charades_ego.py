import hashlib
import os
import shutil
from pathlib import Path

import pytest
from charades_ego_root import (
    HEADER,
    make_pair_rows,
    make_row,
    make_rows,
    write_charades_root,
    write_table,
)

from egoexobench.errors import DataError
from egoexobench.progress import NullProgress
from egoexobench.protocols import (
    HasAnnotationIssues,
    HasLabelSpace,
    HasListVersions,
    HasRowLocations,
)
from egoexobench.testing import check_dataset
from egoexobench.types import RETRIEVAL_TASKS, SPLITS
from egoexobench_plugins.charades_ego import charades_ego
from egoexobench_plugins.charades_ego.dataset import CharadesEgoDataset

V0 = Path(os.environ.get("EGOEXOBENCH_DATA", "../shared/data")) / "charadesego_v0"
needs_version_0 = pytest.mark.skipif(
    not V0.is_dir(), reason=f"no files of CharadesEgo version 0 in {V0}"
)


def make_dataset(root: Path, **options: object) -> CharadesEgoDataset:
    dataset = charades_ego(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, CharadesEgoDataset)
    return dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_charades_root(tmp_path / "charades")


@pytest.mark.parametrize("negatives", ["random", "scene"])
def test_a_root_satisfies_the_contract(root: Path, negatives: str) -> None:
    check_dataset(make_dataset(root, negatives=negatives))


def test_pairs_go_by_the_suffix_and_share_their_script(root: Path) -> None:
    dataset = make_dataset(root)
    for split in SPLITS:
        for pair in dataset.pairs(split):
            assert pair.ego.id == f"{pair.exo.id}EGO"
            assert (pair.ego.view, pair.exo.view) == ("ego", "exo")
            assert pair.narration == pair.ego.narration == pair.exo.narration
    assert len(dataset.pairs("test")) == 24
    assert len(dataset.pairs("train")) + len(dataset.pairs("val")) == 120


def test_an_empty_script_or_scene_is_that_of_the_other_view(tmp_path: Path) -> None:
    exo, ego = make_pair_rows("A", "A kettle sings.")
    write_table(tmp_path / "CharadesEgo_v1_test.csv", [exo, ego | {"script": "", "scene": ""}])
    (pair,) = make_dataset(tmp_path).pairs("test")
    assert pair.ego.narration == pair.narration == "A kettle sings."
    assert pair.ego.scene == "Kitchen"


def test_two_scripts_of_one_pair_are_reported_and_the_exo_script_is_used(tmp_path: Path) -> None:
    write_table(
        tmp_path / "CharadesEgo_v1_test.csv", [make_row("AEGO", "one"), make_row("A", "other")]
    )
    dataset = make_dataset(tmp_path)
    (pair,) = dataset.pairs("test")
    assert pair.ego.narration == pair.exo.narration == "other"
    assert [finding.dropped for finding in dataset.findings] == [False]


def test_a_video_without_partner_is_a_clip_without_a_pair(tmp_path: Path) -> None:
    write_table(
        tmp_path / "CharadesEgo_v1_test.csv",
        [*make_pair_rows("A", "x"), make_row("BEGO"), make_row("C")],
    )
    dataset = make_dataset(tmp_path)
    assert [clip.id for clip in dataset.clips("test")] == ["A", "AEGO", "BEGO", "C"]
    assert [pair.ego.id for pair in dataset.pairs("test")] == ["AEGO"]


def test_one_file_per_view_gives_the_same_pairs_as_one_file(root: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    for split, rows in (("train", make_rows("TR", 120)), ("test", make_rows("TE", 24))):
        for part, view in (("1st", "Yes"), ("3rd", "No")):
            path = parts / f"CharadesEgo_v1_{split}_only{part}.csv"
            write_table(path, [row for row in rows if row["egocentric"] == view])
    split_files, single_files = make_dataset(parts), make_dataset(root)
    for split in SPLITS:
        assert {p.id for p in split_files.pairs(split)} == {p.id for p in single_files.pairs(split)}


def test_actions_have_their_seconds_and_labels_are_all_classes(root: Path) -> None:
    dataset = make_dataset(root)
    clip = dataset.clips("test")[0]
    assert clip.verbs == ("c001", "c150")
    spans = [(span.name, span.start, span.end) for span in dataset.spans[clip.id]]
    assert spans == [("c001", 0.5, 4.0), ("c150", 1.0, 9.25)]
    assert (len(dataset.actions), len(set(dataset.actions))) == (157, 157)
    assert (len(dataset.scenes), len(set(dataset.scenes))) == (16, 16)
    assert (clip.start, clip.end) == (0.0, None)


def test_names_of_actions_come_from_the_list_of_classes(root: Path) -> None:
    assert make_dataset(root).names == {}
    (root / "Charades_v1_classes.txt").write_text("c000 Folding a map\nc001 Humming\n")
    assert make_dataset(root).names == {"c000": "Folding a map", "c001": "Humming"}


def test_val_is_fixed_and_all_videos_of_a_script_are_in_one_split(tmp_path: Path) -> None:
    rows = [row for i in range(400) for row in make_pair_rows(f"A{i:03}", f"script {i // 2}")]
    write_table(tmp_path / "CharadesEgo_v1_train.csv", rows)
    dataset = make_dataset(tmp_path)
    scripts = {split: {pair.narration for pair in dataset.pairs(split)} for split in SPLITS}
    assert not scripts["train"] & scripts["val"]
    assert 25 <= len(scripts["val"]) <= 55
    # the rule of the docstring, so that no later change of the split stays unnoticed
    expected = {
        text
        for text in (f"script {i}" for i in range(200))
        if int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) % 100 < 20
    }
    assert scripts["val"] == expected
    write_table(tmp_path / "CharadesEgo_v1_train.csv", rows[:200][::-1])
    fewer = make_dataset(tmp_path, seed=7)
    assert {p.narration for p in fewer.pairs("val")} <= scripts["val"]
    assert {p.narration for p in fewer.pairs("train")} <= scripts["train"]


def test_lists_follow_the_published_rule(root: Path) -> None:
    dataset = make_dataset(root, seed=3)
    names = [pair.id for pair in dataset.pairs("test")]

    def hash_ids(*parts: str) -> str:
        return hashlib.sha256("/".join(["3", *parts]).encode()).hexdigest()

    queries = dataset.queries("test", "eg2ex")
    assert len(queries) == len(names)
    for name, query in zip(names, queries, strict=True):
        wrong = sorted((other for other in names if other != name), key=lambda o: hash_ids(name, o))
        expected = wrong[:19]
        expected.insert(int(hash_ids(name)[-8:], 16) % 20, name)
        assert query.source == name.removeprefix("pair/") + "EGO"
        assert list(query.gallery.ids) == [pair.removeprefix("pair/") for pair in expected]
        assert query.positive_ids[0] == name.removeprefix("pair/")


def test_lists_do_not_depend_on_the_order_of_the_rows(root: Path) -> None:
    before = {query.source: query for query in make_dataset(root).queries("test", "ex2eg")}
    write_table(root / "CharadesEgo_v1_test.csv", make_rows("TE", 24)[::-1])
    assert {query.source: query for query in make_dataset(root).queries("test", "ex2eg")} == before
    assert make_dataset(root, seed=1).queries("test", "ex2eg") != list(before.values())


def test_scene_lists_use_the_same_scene_first(tmp_path: Path) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", make_rows("TE", 75))
    dataset = make_dataset(tmp_path, negatives="scene")
    scene = {clip.id: clip.scene for clip in dataset.clips("test")}
    for query in dataset.queries("test", "eg2ex"):
        assert {scene[name] for name in query.gallery.ids} == {scene[query.source]}
    mixed = make_dataset(tmp_path).queries("test", "eg2ex")
    assert any(len({scene[name] for name in query.gallery.ids}) > 1 for query in mixed)
    assert make_dataset(tmp_path).fingerprint != dataset.fingerprint


def test_scene_lists_are_filled_with_other_scenes(root: Path) -> None:
    dataset = make_dataset(root, negatives="scene")
    scene = {clip.id: clip.scene for clip in dataset.clips("test")}
    for query in dataset.queries("test", "eg2ex"):
        # 24 pairs in 3 scenes: all eight of a scene, and twelve others
        assert sum(scene[name] == scene[query.source] for name in query.gallery.ids) == 8


def test_a_wrong_candidate_never_has_the_right_script(tmp_path: Path) -> None:
    rows = [row for i in range(60) for row in make_pair_rows(f"A{i:03}", f"script {i // 2}")]
    write_table(tmp_path / "CharadesEgo_v1_test.csv", rows)
    dataset = make_dataset(tmp_path)
    narrations = {clip.id: clip.narration for clip in dataset.clips("test")}
    narrations |= {pair.id: pair.narration for pair in dataset.pairs("test")}
    for task in RETRIEVAL_TASKS:
        queries = dataset.queries("test", task)
        assert len(queries) == (60 if task in ("eg2ex", "ex2eg") else 120)
        for query in queries:
            same = [
                name for name in query.gallery.ids if narrations[name] == narrations[query.source]
            ]
            assert same == list(query.positive_ids)


def test_the_positions_of_positives_are_spread_over_the_list(tmp_path: Path) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", make_rows("TE", 300))
    positions = [query.positives[0] for query in make_dataset(tmp_path).queries("test", "eg2ex")]
    assert all(4 <= positions.count(position) <= 30 for position in range(20))


def test_fewer_than_twenty_scripts_give_no_lists(tmp_path: Path) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", make_rows("TE", 19))
    assert list(make_dataset(tmp_path).queries("test", "eg2ex")) == []


def test_prepare_does_not_check_media_so_that_missing_files_can_be_allowed(root: Path) -> None:
    make_dataset(root).prepare(NullProgress())


def test_every_video_is_found_in_its_write_table(root: Path) -> None:
    dataset = make_dataset(root)
    assert isinstance(dataset, HasRowLocations)
    assert isinstance(dataset, HasAnnotationIssues)
    assert set(dataset.where) == {clip.id for split in SPLITS for clip in dataset.clips(split)}
    assert dataset.where["TR000"] == "CharadesEgo_v1_train.csv, row 2"
    assert dataset.where["TE001EGO"] == "CharadesEgo_v1_test.csv, row 5"


def test_videos_without_a_script_are_reported_and_are_no_pair(tmp_path: Path) -> None:
    write_table(
        tmp_path / "CharadesEgo_v1_test.csv", [*make_pair_rows("A", "x"), *make_pair_rows("B", " ")]
    )
    dataset = make_dataset(tmp_path)
    assert [pair.ego.id for pair in dataset.pairs("test")] == ["AEGO"]
    assert [clip.id for clip in dataset.clips("test")] == ["A", "AEGO", "B", "BEGO"]
    (issue,) = dataset.findings
    assert (issue.row, issue.dropped) == ("row 4", False)
    assert issue.reason == "videos 'BEGO' and 'B' have no script; they are clips without a pair"


def test_versions_have_the_rules_of_the_lists_and_of_val(root: Path) -> None:
    dataset = make_dataset(root, negatives="scene", seed=7)
    assert isinstance(dataset, HasListVersions)
    versions = dataset.versions
    for split in ("val", "test"):
        assert "lists of 20 version 1, negatives scene, seed 7" in versions[split]
    assert "val version 1, 20 % of the scripts" in versions["train"]
    assert "val version 1, 20 % of the scripts" in versions["val"]
    assert versions["test"] != make_dataset(root).versions["test"]


def test_actions_and_scenes_are_recognized_on_ego_videos(root: Path) -> None:
    dataset = make_dataset(root)
    assert isinstance(dataset, HasLabelSpace)
    actions, scenes = dataset.classes("action"), dataset.classes("scene")
    assert actions is not None
    assert scenes is not None
    assert (actions.view, actions.names[0], actions.names[-1]) == ("ego", "c000", "c156")
    assert (scenes.view, len(scenes.names)) == ("ego", 16)
    assert dataset.classes("eg2ex") is None


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", make_pair_rows("A", "x"))
    missing = make_dataset(tmp_path).missing
    assert missing == {"CharadesEgo_v1_train.csv": "the videos of the split train"}
    with pytest.raises(DataError, match=r"needs CharadesEgo_v1_train\.csv"):
        make_dataset(tmp_path / "nowhere")


@needs_version_0
def test_version_0_is_rejected_by_name() -> None:
    with pytest.raises(DataError, match=r"version 0 \(CharadesEgo_v0_egocentric_test\.csv"):
        make_dataset(V0)


@needs_version_0
def test_version_0_beside_version_1_is_rejected(root: Path) -> None:
    shutil.copy(V0 / "CharadesEgo_v0_egocentric_test.csv", root)
    with pytest.raises(DataError, match="mixed with version 1"):
        make_dataset(root)


@needs_version_0
def test_version_0_under_the_name_of_version_1_is_rejected(root: Path) -> None:
    shutil.copy(V0 / "CharadesEgo_v0_test_head300.csv", root / "CharadesEgo_v1_test.csv")
    with pytest.raises(DataError, match=r"v1_test.csv has the 11 columns of version 0"):
        make_dataset(root)


def test_version_0_is_detected_by_its_header_or_its_name(root: Path) -> None:
    path = root / "CharadesEgo_v1_test.csv"
    path.write_text(",".join(HEADER[:-2]) + "\n")
    with pytest.raises(DataError, match="has the 11 columns of version 0"):
        make_dataset(root)
    path.write_text("id,script\n")
    with pytest.raises(DataError, match="has the columns id, script"):
        make_dataset(root)
    path.rename(root / "CharadesEgo_v0_test.csv")
    with pytest.raises(DataError, match="mixed with version 1"):
        make_dataset(root)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (make_row("B", actions="c157 0 1"), "'c157 0 1' is not an action such as"),
        (make_row("B", actions="c001 0 1;exit()"), "'exit()' is not an action such as"),
        (make_row("B", actions="c001 -1 2"), "is not an action such as"),
        (make_row("../B"), "id: '../B' is not a valid video name"),
        (make_row("B", length="nan"), "length: Input should be"),
        (make_row("B", length=""), "length: Input should be"),
        (make_row("B", egocentric="Yes"), "the name of an ego video must end in EGO"),
        (make_row("BEGO", egocentric="No"), "the name of an ego video must end in EGO"),
        (make_row("B", egocentric="perhaps"), "egocentric: String should match pattern"),
        (
            make_row("BEGO", charades_video="A"),
            "has the exo video 'A'; by its own name it must be 'B'",
        ),
        (make_row("A"), "video 'A' is already in CharadesEgo_v1_test.csv, row 2"),
    ],
)
def test_an_invalid_row_is_reported_and_the_others_are_read(
    tmp_path: Path, bad: dict[str, object], reason: str
) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", [make_row("A"), bad, make_row("Z")])
    dataset = make_dataset(tmp_path)
    (issue,) = dataset.findings
    assert (issue.file, issue.row, issue.dropped) == ("CharadesEgo_v1_test.csv", "row 3", True)
    assert reason in issue.reason
    assert [clip.id for clip in dataset.clips("test")] == ["A", "Z"]


def test_an_action_that_ends_after_its_video_is_reported_and_cut(tmp_path: Path) -> None:
    actions = "c001 0.5 4;c002 3 99;c003 50 60"
    write_table(tmp_path / "CharadesEgo_v1_test.csv", [make_row("A", actions=actions)])
    dataset = make_dataset(tmp_path)
    (issue,) = dataset.findings
    assert (issue.row, issue.dropped) == ("row 2", False)
    assert "2 of 3 actions end after the video, which is 10.5 s long" in issue.reason
    assert "the first is c002 3-99 s" in issue.reason
    assert dataset.clips("test")[0].verbs == ("c001", "c002", "c003")
    assert [(span.name, span.end) for span in dataset.spans["A"]] == [("c001", 4.0), ("c002", 10.5)]


def test_an_unknown_scene_is_reported_and_ignored(tmp_path: Path) -> None:
    write_table(tmp_path / "CharadesEgo_v1_test.csv", [make_row("A", scene="Orbit")])
    dataset = make_dataset(tmp_path)
    (issue,) = dataset.findings
    assert issue.reason == "scene 'Orbit' is not one of the 16 scenes; it is ignored"
    assert dataset.clips("test")[0].scene is None


def test_a_train_video_whose_other_view_is_in_test_is_skipped(root: Path) -> None:
    rows = [make_row("TE000EGO"), *make_pair_rows("A", "x")]
    write_table(root / "CharadesEgo_v1_train.csv", rows)
    write_table(
        root / "CharadesEgo_v1_test.csv",
        [row for row in make_rows("TE", 24) if row["id"] != "TE000EGO"],
    )
    dataset = make_dataset(root)
    (issue,) = dataset.findings
    assert (issue.row, issue.dropped) == ("row 2", True)
    check_dataset(dataset)


def test_the_fingerprint_changes_with_tables_and_lists(root: Path) -> None:
    first = make_dataset(root).fingerprint
    assert make_dataset(root, videos=root / "elsewhere").fingerprint == first
    others = {
        make_dataset(root, seed=1).fingerprint,
        make_dataset(root, negatives="scene").fingerprint,
    }
    write_table(root / "CharadesEgo_v1_test.csv", make_rows("TE", 25))
    others.add(make_dataset(root).fingerprint)
    assert len(others | {first}) == 4
