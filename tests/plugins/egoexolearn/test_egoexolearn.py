from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from egoexolearn_root import (
    ANTICIPATION,
    ASSOCIATION,
    TRAIN_HEADER,
    make_questions,
    make_train_row,
    write_csv,
    write_egoexolearn_root,
    write_json,
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
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, Clip, LabelSpace, View
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearnDataset
from egoexobench_plugins.egoexolearn.files import (
    VERSIONS,
    SourceFile,
    compute_blob_id,
    describe_version,
)
from egoexobench_plugins.egoexolearn.pairs import draw_pairs


def make_dataset(root: Path, **options: object) -> EgoExoLearnDataset:
    dataset = egoexolearn(root=root, **options)  # type: ignore[arg-type]
    assert isinstance(dataset, EgoExoLearnDataset)
    return dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_egoexolearn_root(tmp_path / "official")


def test_a_root_without_lists_satisfies_the_contract(tmp_path: Path) -> None:
    check_dataset(make_dataset(write_egoexolearn_root(tmp_path, questions=False)))


def test_a_flat_folder_reads_as_the_official_one(root: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in root.rglob("*.*"):
        if path.is_file():
            (flat / path.name).write_bytes(path.read_bytes())
    ours, theirs = make_dataset(flat), make_dataset(root, ego=flat / "videos", exo=flat / "videos")
    assert ours.fingerprint == theirs.fingerprint
    for split in SPLITS:
        assert list(ours.clips(split)) == list(theirs.clips(split))
        assert list(ours.pairs(split)) == list(theirs.pairs(split))


def test_every_direction_has_its_own_queries_and_a_text_has_the_id_of_its_clip(root: Path) -> None:
    dataset = make_dataset(root)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    directions = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego")}
    for task, (query_view, candidate_view) in directions.items():
        queries = dataset.queries("test", task)  # type: ignore[arg-type]
        assert len(queries) == 3
        for query in queries:
            assert clips[query.source].view == query_view
            assert {clips[name].view for name in query.gallery.ids} == {candidate_view}
            assert len(set(query.gallery.ids)) == 20
            assert query.cluster == clips[query.source].take
    both = [*dataset.queries("test", "eg2ex"), *dataset.queries("test", "ex2eg")]
    for task in ("t2v", "v2t"):
        queries = dataset.queries("test", task)  # type: ignore[arg-type]
        assert sorted(map(repr, queries)) == sorted(map(repr, both))
        assert all(clips[name].narration for query in queries for name in query.gallery.ids)
    assert dataset.queries("test", "scene") == []
    assert dataset.queries("train", "eg2ex") == []


def test_the_positive_of_a_query_is_the_answer_in_the_file(root: Path) -> None:
    dataset = make_dataset(root)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    entries = {entry["query"]["narration_en"]: entry for entry in make_questions().values()}  # type: ignore[index]
    for query in dataset.queries("test", "t2v"):
        entry = entries[clips[query.source].narration]
        answer = entry["choices"][str(entry["answer"])]  # type: ignore[index]
        positive = clips[query.positive_ids[0]]
        assert (positive.narration, positive.start) == (answer["narration_en"], answer["start_sec"])
        assert Path(positive.media).stem == answer["video_uid"]


@pytest.mark.parametrize("dialect", ["egoinstructor", "soundbridge"])
def test_the_three_dialects_give_the_same_clips_and_questions(root: Path, dialect: str) -> None:
    official = make_dataset(root)
    path = write_json(root / f"{dialect}.json", make_questions(dialect=dialect))
    other = make_dataset(root, test=path)
    assert list(other.clips("test")) == list(official.clips("test"))
    assert list(other.queries("test", "t2v")) == list(official.queries("test", "t2v"))
    assert other.versions["test"].endswith(f"{dialect} fields")
    assert other.fingerprint != official.fingerprint


def test_any_type_except_1_is_an_exo_query_as_in_the_official_code(root: Path) -> None:
    questions = make_questions()
    questions["1"]["types"] = 3
    dataset = make_dataset(root, test=write_json(root / "types.json", questions))
    assert len(dataset.queries("test", "ex2eg")) == 3
    assert dataset.findings == ()


def test_published_sound_captions_are_available_by_clip(root: Path) -> None:
    path = write_json(root / "sb.json", make_questions(dialect="soundbridge"))
    dataset = make_dataset(root, test=path)
    named = {name for q in dataset.queries("test", "t2v") for name in (q.source, *q.gallery.ids)}
    assert set(dataset.sound_captions) == named
    assert make_dataset(root).sound_captions == {}


def test_a_span_with_two_texts_is_two_clips(root: Path) -> None:
    questions = make_questions()
    choices: dict[str, dict[str, object]] = questions["0"]["choices"]  # type: ignore[assignment]
    choices["1"] = choices["0"] | {"narration_en": "another text of the same span"}
    dataset = make_dataset(root, test=write_json(root / "twins.json", questions))
    query = dataset.queries("test", "eg2ex")[0]
    assert query.gallery.ids[1] == f"{query.gallery.ids[0]}~2"
    assert dataset.findings == ()


def test_views_come_from_the_metadata_and_not_from_the_name(root: Path) -> None:
    dataset = make_dataset(root)
    views = {Path(clip.media).stem: clip.view for s in SPLITS for clip in dataset.clips(s)}
    assert {view for name, view in views.items() if name.endswith("-ac78")} == {"ego", "exo"}


def test_without_metadata_the_view_comes_from_the_view_column(root: Path) -> None:
    before = make_dataset(root).queries("test", "t2v")
    (root / "video_meta_downsampled.json").unlink()
    assert make_dataset(root).queries("test", "t2v") == []
    header = ["video_uid", "annotation_uid", "subset", "view", "scene", "start_sec", "end_sec"]
    from egoexolearn_root import VIDEOS

    rows = [[name, name, "test", view, "lab", 0, 1] for name, view in VIDEOS.items()]
    write_csv(root / "annotations/fine_annotation_test.csv", header, rows)
    assert make_dataset(root).queries("test", "t2v") == before


def test_labeled_clips_have_the_text_of_the_fine_annotation_or_none(root: Path) -> None:
    labeled = [clip for clip in make_dataset(root).clips("test") if clip.id == "test0"]
    assert labeled[0].narration == ""
    header = "video_uid,annotation_uid,subset,view,scene,start_sec,end_sec,narration_en".split(",")
    row = ["x0-ac78", "test0", "test", "exo", "lab", 0, 1.5, "the rope is wiped"]
    write_csv(root / "annotations/fine_annotation_trainvaltest_en.csv", header, [row])
    narrations = {clip.id: clip.narration for clip in make_dataset(root).clips("test")}
    assert (narrations["test0"], narrations["test1"]) == ("the rope is wiped", "")


def test_a_missing_file_is_named_with_its_content(root: Path) -> None:
    assert set(make_dataset(root).missing) == {"fine_annotation_trainvaltest_en.csv"}
    (root / ASSOCIATION / "ego_train.csv").unlink()
    dataset = make_dataset(root)
    assert dataset.missing["ego_train.csv"] == "train pairs"
    assert list(dataset.pairs("train")) == []


def test_action_labels_are_those_of_the_valid_verbs(root: Path) -> None:
    dataset = make_dataset(root)
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
    dataset = make_dataset(root)
    clips = dataset.clips("train")
    exo = [clip for clip in clips if clip.view == "exo"]
    paired = {pair.ego.id: pair for pair in dataset.pairs("train")}
    for clip in clips:
        if clip.view == "ego":
            partners = [
                partner.id
                for partner in exo
                if set(partner.verbs) & set(clip.verbs) and set(partner.nouns) & set(clip.nouns)
            ]
            assert (clip.id in paired) == bool(partners)
            if partners:
                assert paired[clip.id].exo.id in partners
                assert paired[clip.id].narration == clip.narration
    assert 0 < len(paired) < 8


def test_the_pairs_depend_on_the_seed_and_not_on_the_order_of_the_clips(root: Path) -> None:
    clips = make_dataset(root).clips("train")
    ego, exo = ([clip for clip in clips if clip.view == view] for view in ("ego", "exo"))
    copies = [replace(clip, id=f"{clip.id}/{i}") for clip in exo for i in range(20)]

    def draw_partners(seed: int, *, reverse: bool = False) -> dict[str, str]:
        clips = (ego[::-1], copies[::-1]) if reverse else (ego, copies)
        return {pair.ego.id: pair.exo.id for pair in draw_pairs(*clips, seed)}

    assert draw_partners(0) == draw_partners(0, reverse=True)
    assert draw_partners(0) != draw_partners(1)


def test_partners_are_drawn_evenly() -> None:
    def make_clip(name: str, view: View) -> Clip:
        span = Clip(name, view, media="", start=0, end=1, narration="", take=name)
        return replace(span, verbs=("v",), nouns=("n",))

    ego = [make_clip(f"e{i}", "ego") for i in range(3000)]
    exo = [make_clip(f"x{i}", "exo") for i in range(3)]
    drawn = [pair.exo.id for pair in draw_pairs(ego, exo, 0)]
    assert all(900 < drawn.count(clip.id) < 1100 for clip in exo)


def test_the_blob_id_is_that_of_git_and_identifies_versions() -> None:
    # the first is what `git hash-object` prints for an empty file
    assert compute_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert compute_blob_id(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    descriptions = {
        describe_version(SourceFile("a.json", Path("a.json"), b"", blob_id)) for blob_id in VERSIONS
    }
    assert len(descriptions) == 4
    assert sum("before commit 7fcbd0d" in text for text in descriptions) == 2
    unknown = describe_version(SourceFile("a.json", Path("a.json"), b"", "0" * 40))
    assert "unknown version" in unknown
    assert "0" * 40 in unknown


def test_the_fingerprint_changes_with_any_file_and_with_the_seed(root: Path) -> None:
    first = make_dataset(root).fingerprint
    assert make_dataset(root).fingerprint == first
    assert make_dataset(root, seed=1).fingerprint != first
    path = root / ANTICIPATION / "valid_verbs.txt"
    path.write_text(path.read_text() + "\n")
    assert make_dataset(root).fingerprint != first


def test_prepare_does_not_check_media_so_that_missing_files_can_be_allowed(root: Path) -> None:
    path = root / ASSOCIATION / "exo_train.csv"
    write_csv(path, TRAIN_HEADER, [make_train_row("a", "x0-ac78", "__import__('os')", "[0]")])
    dataset = make_dataset(root)
    dataset.prepare(NullProgress())
    (issue,) = dataset.findings
    assert str(issue).startswith(
        "exo_train.csv, row 2: verb: \"__import__('os')\" is not a list of"
    )


def test_every_clip_has_a_file_and_row(root: Path) -> None:
    dataset = make_dataset(root)
    assert isinstance(dataset, HasRowLocations)
    assert isinstance(dataset, HasAnnotationIssues)
    assert set(dataset.where) == {clip.id for split in SPLITS for clip in dataset.clips(split)}
    assert dataset.where["te0"] == "ego_train.csv, row 2"
    assert dataset.where["tx3"] == "exo_train.csv, row 5"
    assert dataset.where["test3"] == "exo_test_valid.csv, row 5"
    questions = make_questions()
    narrations = {clip.id: clip.narration for clip in dataset.clips("val")}
    for query in dataset.queries("val", "t2v"):
        for name in (query.source, *query.gallery.ids):
            file, question, role = dataset.where[name].split(", ")
            entry: Any = questions[question.removeprefix("question ")]
            named = entry["query"] if role == "query" else entry["choices"][role.split()[1]]
            assert file == "association_val_hard.json"
            assert named["narration_en"] == narrations[name]


def test_clips_of_pairs_and_queries_have_a_text_and_labeled_clips_are_in_none(root: Path) -> None:
    dataset = make_dataset(root)
    for split in ("val", "test"):
        query_ids = {
            name
            for task in RETRIEVAL_TASKS
            for query in dataset.queries(split, task)
            for name in (query.source, *query.gallery.ids)
        }
        paired = {clip.id for pair in dataset.pairs(split) for clip in (pair.ego, pair.exo)}
        without_text = {clip.id for clip in dataset.clips(split) if not clip.narration}
        assert without_text == {f"{split}{i}" for i in range(4)}
        assert not without_text & (query_ids | paired)
        assert all(pair.narration for pair in dataset.pairs(split))


def test_actions_are_recognized_on_exo_clips_among_the_valid_verbs(root: Path) -> None:
    dataset = make_dataset(root)
    assert isinstance(dataset, HasLabelSpace)
    assert dataset.classes("action") == LabelSpace("exo", ("stir_(blend)", "lift"))
    assert dataset.classes("scene") is None
    assert dataset.classes("eg2ex") is None
    for split in ("val", "test"):
        (root / ANTICIPATION / f"exo_{split}_valid.csv").unlink()
    assert make_dataset(root).classes("action") is None


def test_splits_with_lists_have_a_version(root: Path) -> None:
    dataset = make_dataset(root)
    assert isinstance(dataset, HasListVersions)
    assert set(dataset.versions) == {"val", "test"}
    assert all("unknown version" in version for version in dataset.versions.values())


def test_a_folder_without_any_of_the_files_is_an_error_that_names_the_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"association_test_hard\.json"):
        make_dataset(tmp_path)
