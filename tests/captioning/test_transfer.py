from pathlib import Path

import pytest
from test_pipeline import FakeModelCaptioner, ListCaptioner

from egoexobench.captioning.cache import open_cache
from egoexobench.captioning.pipeline import generate_captions
from egoexobench.captioning.transfer import export_captions, import_captions
from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.caption_file import read_captions

TEXTS = {"a": "jar", "b": "tin", "c": "切蒜"}


def test_captions_go_from_one_machine_to_another_without_the_model(tmp_path: Path) -> None:
    source, target = (
        open_cache(tmp_path / "source"),
        open_cache(tmp_path / "target"),
    )
    first = generate_captions(
        FakeModelCaptioner(frequent=0.6), TEXTS, training=["a", "b"], cache=source
    )
    assert first.stats.concepts
    export_captions(tmp_path / "file.jsonl", FakeModelCaptioner(frequent=0.6), first)
    import_captions(tmp_path / "file.jsonl", FakeModelCaptioner(frequent=0.6), target)
    gone = FakeModelCaptioner(num_answers=0, frequent=0.6)
    again = generate_captions(gone, TEXTS, training=["a", "b"], cache=target)
    assert again.captions == first.captions
    assert again.stats.abort_reason is None
    assert again.stats.num_cached == 3


def test_captions_that_could_not_be_refined_are_so_on_the_other_machine_too(tmp_path: Path) -> None:
    source, target = (
        open_cache(tmp_path / "source"),
        open_cache(tmp_path / "target"),
    )
    first = generate_captions(
        FakeModelCaptioner(num_answers=4, frequent=0.6), TEXTS, training=["a", "b"], cache=source
    )
    assert first.stats.num_unrefined == 2
    export_captions(tmp_path / "file.jsonl", FakeModelCaptioner(frequent=0.6), first)
    import_captions(tmp_path / "file.jsonl", FakeModelCaptioner(frequent=0.6), target)
    gone = FakeModelCaptioner(num_answers=0, frequent=0.6)
    again = generate_captions(gone, TEXTS, training=["a", "b"], cache=target)
    assert again.captions == first.captions
    assert (again.stats.num_unrefined, again.stats.abort_reason) == (2, None)
    healed = generate_captions(
        FakeModelCaptioner(frequent=0.6),
        TEXTS,
        training=["a", "b"],
        cache=target,
        retry_refused=True,
    )
    assert healed.stats.num_unrefined == 0


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    written = generate_captions(ListCaptioner(), TEXTS)
    for path in (tmp_path / "file" / "inside.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot write"):
            export_captions(path, ListCaptioner(), written)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_taken_in_by_the_captioner_that_wrote_it_alone(tmp_path: Path) -> None:
    file, store = tmp_path / "file.jsonl", open_cache(tmp_path / "store")
    export_captions(file, FakeModelCaptioner(), generate_captions(FakeModelCaptioner(), TEXTS))
    other = FakeModelCaptioner()
    other.key = {"captioner": "other"}
    with pytest.raises(UsageError, match=r"captioner=test.*captioner=other.*imported:file="):
        import_captions(file, other, store)
    with pytest.raises(UsageError, match="imported:file="):
        import_captions(file, ListCaptioner(), store)
    export_captions(file, ListCaptioner(), generate_captions(ListCaptioner(), TEXTS))
    with pytest.raises(UsageError, match="does not state which captioner"):
        import_captions(file, FakeModelCaptioner(), store)
    assert not store.root.exists()


def test_an_imported_file_is_data_and_its_bad_captions_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text(
        '{"narration": "jar", "caption": "[jar] (pop)", "by": "hand"}\n\n'
        '{"narration": "tin", "caption": "a clank"}\n'
    )
    exported = read_captions(file)
    assert exported.key is None
    assert [(row.narration, row.caption) for row in exported.rows] == [("jar", "[jar] (pop)")]
    assert exported.refused == 1


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[1, 2]",
        '{"narration": "jar"}',
        '{"narration": 3, "caption": "[a] (b)"}',
        "[" * 200_000,
        '{"narration": "jar", "caption": "[a] (b)"}\n{"key": {}}',
    ],
)
def test_a_file_that_holds_something_else_is_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "captions.jsonl"
    file.write_text(text)
    with pytest.raises(DataError) as raised:
        read_captions(file)
    assert "\n" not in str(raised.value)
    assert str(file) in str(raised.value)


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as captions"):
        read_captions(tmp_path / "x")
    with pytest.raises(DataError, match="cannot be read as captions"):
        read_captions(tmp_path / "nowhere")
