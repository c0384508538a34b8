from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from egoexolearn_root import (
    ANTICIPATION,
    ASSOCIATION,
    TRAIN,
    lists,
    table,
    train_row,
    write_json,
    write_root,
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
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, Clip, LabelSpace
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearn
from egoexobench_plugins.egoexolearn.files import VERSIONS, Source, blob, version
from egoexobench_plugins.egoexolearn.pairs import pair_up


def make(root: Path, **options: object) -> EgoExoLearn:
    made = egoexolearn(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(made, EgoExoLearn)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_root(tmp_path / "official")


def test_a_root_without_lists_keeps_the_contract(tmp_path: Path) -> None:
    check_dataset(make(write_root(tmp_path, questions=False)))


def test_a_flat_folder_reads_as_the_official_one(root: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in root.rglob("*.*"):
        if path.is_file():
            (flat / path.name).write_bytes(path.read_bytes())
    ours, theirs = make(flat), make(root, ego=flat / "videos", exo=flat / "videos")
    assert ours.fingerprint == theirs.fingerprint
    for split in SPLITS:
        assert list(ours.clips(split)) == list(theirs.clips(split))
        assert list(ours.pairs(split)) == list(theirs.pairs(split))


def test_every_direction_asks_its_own_questions_and_texts_go_by_clip(root: Path) -> None:
    dataset = make(root)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    directions = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego")}
    for task, (own, other) in directions.items():
        asked = dataset.queries("test", task)  # type: ignore[arg-type]
        assert len(asked) == 3
        for query in asked:
            assert clips[query.source].view == own
            assert {clips[name].view for name in query.gallery.ids} == {other}
            assert len(set(query.gallery.ids)) == 20
            assert query.cluster == clips[query.source].take
    both = [*dataset.queries("test", "eg2ex"), *dataset.queries("test", "ex2eg")]
    for task in ("t2v", "v2t"):
        asked = dataset.queries("test", task)  # type: ignore[arg-type]
        assert sorted(map(repr, asked)) == sorted(map(repr, both))
        assert all(clips[name].narration for query in asked for name in query.gallery.ids)
    assert dataset.queries("test", "scene") == []
    assert dataset.queries("train", "eg2ex") == []


def test_the_answer_of_a_question_is_the_clip_that_the_file_says(root: Path) -> None:
    dataset = make(root)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    spoken = {one["query"]["narration_en"]: one for one in lists().values()}  # type: ignore[index]
    for query in dataset.queries("test", "t2v"):
        one = spoken[clips[query.source].narration]
        right = one["choices"][str(one["answer"])]  # type: ignore[index]
        found = clips[query.positive_ids[0]]
        assert (found.narration, found.start) == (right["narration_en"], right["start_sec"])
        assert Path(found.media).stem == right["video_uid"]


@pytest.mark.parametrize("dialect", ["egoinstructor", "soundbridge"])
def test_the_three_dialects_give_the_same_clips_and_questions(root: Path, dialect: str) -> None:
    official = make(root)
    path = write_json(root / f"{dialect}.json", lists(dialect=dialect))
    other = make(root, test=path)
    assert list(other.clips("test")) == list(official.clips("test"))
    assert list(other.queries("test", "t2v")) == list(official.queries("test", "t2v"))
    assert other.versions["test"].endswith(f"{dialect} fields")
    assert other.fingerprint != official.fingerprint


def test_any_type_but_1_asks_from_the_exo_view_as_in_the_official_code(root: Path) -> None:
    asked = lists()
    asked["1"]["types"] = 3
    dataset = make(root, test=write_json(root / "types.json", asked))
    assert len(dataset.queries("test", "ex2eg")) == 3
    assert dataset.findings == ()


def test_published_sound_captions_are_kept_by_clip(root: Path) -> None:
    path = write_json(root / "sb.json", lists(dialect="soundbridge"))
    dataset = make(root, test=path)
    named = {name for q in dataset.queries("test", "t2v") for name in (q.source, *q.gallery.ids)}
    assert set(dataset.sound_captions) == named
    assert make(root).sound_captions == {}


def test_a_span_with_two_texts_is_two_clips(root: Path) -> None:
    asked = lists()
    choices: dict[str, dict[str, object]] = asked["0"]["choices"]  # type: ignore[assignment]
    choices["1"] = choices["0"] | {"narration_en": "another text of the same span"}
    dataset = make(root, test=write_json(root / "twins.json", asked))
    query = dataset.queries("test", "eg2ex")[0]
    assert query.gallery.ids[1] == f"{query.gallery.ids[0]}~2"
    assert dataset.findings == ()


def test_views_come_from_the_metadata_and_not_from_the_name(root: Path) -> None:
    dataset = make(root)
    views = {Path(clip.media).stem: clip.view for s in SPLITS for clip in dataset.clips(s)}
    assert {view for name, view in views.items() if name.endswith("-ac78")} == {"ego", "exo"}


def test_a_view_column_serves_where_there_is_no_metadata(root: Path) -> None:
    before = make(root).queries("test", "t2v")
    (root / "video_meta_downsampled.json").unlink()
    assert make(root).queries("test", "t2v") == []
    header = ["video_uid", "annotation_uid", "subset", "view", "scene", "start_sec", "end_sec"]
    from egoexolearn_root import VIDEOS

    rows = [[name, name, "test", view, "lab", 0, 1] for name, view in VIDEOS.items()]
    table(root / "annotations/fine_annotation_test.csv", header, rows)
    assert make(root).queries("test", "t2v") == before


def test_labelled_clips_have_the_text_of_the_fine_annotation_or_none(root: Path) -> None:
    labelled = [clip for clip in make(root).clips("test") if clip.id == "test0"]
    assert labelled[0].narration == ""
    header = "video_uid,annotation_uid,subset,view,scene,start_sec,end_sec,narration_en".split(",")
    row = ["x0-ac78", "test0", "test", "exo", "lab", 0, 1.5, "the rope is wiped"]
    table(root / "annotations/fine_annotation_trainvaltest_en.csv", header, [row])
    told = {clip.id: clip.narration for clip in make(root).clips("test")}
    assert (told["test0"], told["test1"]) == ("the rope is wiped", "")


def test_a_missing_file_is_named_with_what_it_would_bring(root: Path) -> None:
    assert set(make(root).missing) == {"fine_annotation_trainvaltest_en.csv"}
    (root / ASSOCIATION / "ego_train.csv").unlink()
    dataset = make(root)
    assert dataset.missing["ego_train.csv"] == "train pairs"
    assert list(dataset.pairs("train")) == []


def test_action_labels_are_those_of_the_valid_verbs(root: Path) -> None:
    dataset = make(root)
    assert list(dataset.actions) == ["stir_(blend)", "lift"]
    labels = {clip.id: clip.verbs for clip in dataset.clips("test") if clip.id.startswith("test")}
    labels = {name: verbs for name, verbs in labels.items() if "/" not in name}
    assert labels == {
        "test0": ("stir_(blend)",),
        "test1": ("stir_(blend)", "lift"),
        "test2": (),
        "test3": ("lift",),
    }


def test_train_pairs_share_a_noun_and_a_verb_and_every_ego_clip_that_can_has_one(
    root: Path,
) -> None:
    dataset = make(root)
    clips = dataset.clips("train")
    exo = [clip for clip in clips if clip.view == "exo"]
    paired = {pair.ego.id: pair for pair in dataset.pairs("train")}
    for clip in clips:
        if clip.view == "ego":
            able = [
                one.id
                for one in exo
                if set(one.verbs) & set(clip.verbs) and set(one.nouns) & set(clip.nouns)
            ]
            assert (clip.id in paired) == bool(able)
            if able:
                assert paired[clip.id].exo.id in able
                assert paired[clip.id].narration == clip.narration
    assert 0 < len(paired) < 8


def test_the_draw_of_pairs_hangs_on_the_seed_and_not_on_the_order(root: Path) -> None:
    clips = make(root).clips("train")
    ego, exo = ([clip for clip in clips if clip.view == view] for view in ("ego", "exo"))
    crowd = [replace(clip, id=f"{clip.id}/{i}") for clip in exo for i in range(20)]

    def partners(seed: int, *, turned: bool = False) -> dict[str, str]:
        given = (ego[::-1], crowd[::-1]) if turned else (ego, crowd)
        return {pair.ego.id: pair.exo.id for pair in pair_up(*given, seed)}

    assert partners(0) == partners(0, turned=True)
    assert partners(0) != partners(1)


def test_partners_are_drawn_evenly() -> None:
    def clip(name: str, view: str) -> Clip:
        return Clip(name, view, "", 0, 1, "", name, None, ("v",), ("n",))  # type: ignore[arg-type]

    ego = [clip(f"e{i}", "ego") for i in range(3000)]
    exo = [clip(f"x{i}", "exo") for i in range(3)]
    drawn = [pair.exo.id for pair in pair_up(ego, exo, 0)]
    assert all(900 < drawn.count(one.id) < 1100 for one in exo)


def test_the_blob_id_is_that_of_git_and_tells_versions_apart() -> None:
    # the first is what `git hash-object` prints for an empty file
    assert blob(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert blob(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    told = {version(Source("a.json", Path("a.json"), b"", one)) for one in VERSIONS}
    assert len(told) == 4
    assert sum("before commit 7fcbd0d" in one for one in told) == 2
    unknown = version(Source("a.json", Path("a.json"), b"", "0" * 40))
    assert "unknown version" in unknown
    assert "0" * 40 in unknown


def test_the_fingerprint_moves_with_any_file_and_with_the_seed(root: Path) -> None:
    first = make(root).fingerprint
    assert make(root).fingerprint == first
    assert make(root, seed=1).fingerprint != first
    path = root / ANTICIPATION / "valid_verbs.txt"
    path.write_text(path.read_text() + "\n")
    assert make(root).fingerprint != first


def test_preparing_looks_at_nothing_so_that_holes_can_be_allowed(root: Path) -> None:
    path = root / ASSOCIATION / "exo_train.csv"
    table(path, TRAIN, [train_row("a", "x0-ac78", "__import__('os')", "[0]")])
    dataset = make(root)
    dataset.prepare(NullProgress())
    (found,) = dataset.findings
    assert str(found).startswith("exo_train.csv, row 2: verb: \"__import__('os')\" is no list of")


def test_every_clip_is_found_in_its_file(root: Path) -> None:
    dataset = make(root)
    assert isinstance(dataset, HasRowLocations)
    assert isinstance(dataset, HasAnnotationIssues)
    assert set(dataset.where) == {clip.id for split in SPLITS for clip in dataset.clips(split)}
    assert dataset.where["te0"] == "ego_train.csv, row 2"
    assert dataset.where["tx3"] == "exo_train.csv, row 5"
    assert dataset.where["test3"] == "exo_test_valid.csv, row 5"
    asked = lists()
    told = {clip.id: clip.narration for clip in dataset.clips("val")}
    for query in dataset.queries("val", "t2v"):
        for name in (query.source, *query.gallery.ids):
            file, question, role = dataset.where[name].split(", ")
            entry: Any = asked[question.removeprefix("question ")]
            named = entry["query"] if role == "query" else entry["choices"][role.split()[1]]
            assert file == "association_val_hard.json"
            assert named["narration_en"] == told[name]


def test_clips_that_stand_for_a_text_have_one_and_labelled_ones_stand_for_none(root: Path) -> None:
    dataset = make(root)
    for split in ("val", "test"):
        asked = {
            name
            for task in RETRIEVAL_TASKS
            for query in dataset.queries(split, task)
            for name in (query.source, *query.gallery.ids)
        }
        paired = {one.id for pair in dataset.pairs(split) for one in (pair.ego, pair.exo)}
        silent = {clip.id for clip in dataset.clips(split) if not clip.narration}
        assert silent == {f"{split}{i}" for i in range(4)}
        assert not silent & (asked | paired)
        assert all(pair.narration for pair in dataset.pairs(split))


def test_actions_are_recognised_on_exo_clips_among_the_valid_verbs(root: Path) -> None:
    dataset = make(root)
    assert isinstance(dataset, HasLabelSpace)
    assert dataset.classes("action") == LabelSpace("exo", ("stir_(blend)", "lift"))
    assert dataset.classes("scene") is None
    assert dataset.classes("eg2ex") is None
    for split in ("val", "test"):
        (root / ANTICIPATION / f"exo_{split}_valid.csv").unlink()
    assert make(root).classes("action") is None


def test_versions_are_told_of_the_splits_that_have_lists(root: Path) -> None:
    dataset = make(root)
    assert isinstance(dataset, HasListVersions)
    assert set(dataset.versions) == {"val", "test"}
    assert all("unknown version" in told for told in dataset.versions.values())


def test_a_folder_without_any_of_the_files_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"association_test_hard\.json"):
        make(tmp_path)
