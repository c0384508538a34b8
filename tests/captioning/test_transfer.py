from pathlib import Path

import pytest
from test_pipeline import Model, Plain

from egoexobench.captioning.cache import Store
from egoexobench.captioning.pipeline import write
from egoexobench.captioning.transfer import admit, export
from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.caption_file import read_captions

TEXTS = {"a": "jar", "b": "tin", "c": "切蒜"}


def test_captions_go_from_one_machine_to_another_without_the_model(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    first = write(Model(frequent=0.6), TEXTS, training=["a", "b"], store=there)
    assert first.report.concepts
    export(tmp_path / "file.jsonl", Model(frequent=0.6), first)
    admit(tmp_path / "file.jsonl", Model(frequent=0.6), here)
    gone = Model(stops=0, frequent=0.6)
    again = write(gone, TEXTS, training=["a", "b"], store=here)
    assert again.captions == first.captions
    assert again.report.stopped is None
    assert again.report.stored == 3


def test_captions_that_could_not_be_refined_are_so_on_the_other_machine_too(tmp_path: Path) -> None:
    there, here = Store(tmp_path / "there"), Store(tmp_path / "here")
    first = write(Model(stops=4, frequent=0.6), TEXTS, training=["a", "b"], store=there)
    assert first.report.unrefined == 2
    export(tmp_path / "file.jsonl", Model(frequent=0.6), first)
    admit(tmp_path / "file.jsonl", Model(frequent=0.6), here)
    gone = Model(stops=0, frequent=0.6)
    again = write(gone, TEXTS, training=["a", "b"], store=here)
    assert again.captions == first.captions
    assert (again.report.unrefined, again.report.stopped) == (2, None)
    healed = write(Model(frequent=0.6), TEXTS, training=["a", "b"], store=here, again=True)
    assert healed.report.unrefined == 0


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    written = write(Plain(), TEXTS)
    for path in (tmp_path / "file" / "inside.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot write"):
            export(path, Plain(), written)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_file_is_taken_in_by_the_captioner_that_wrote_it_alone(tmp_path: Path) -> None:
    file, store = tmp_path / "file.jsonl", Store(tmp_path / "store")
    export(file, Model(), write(Model(), TEXTS))
    other = Model()
    other.key = {"captioner": "other"}
    with pytest.raises(UsageError, match=r"captioner=test.*captioner=other.*imported:file="):
        admit(file, other, store)
    with pytest.raises(UsageError, match="imported:file="):
        admit(file, Plain(), store)
    export(file, Plain(), write(Plain(), TEXTS))
    with pytest.raises(UsageError, match="does not say who wrote"):
        admit(file, Model(), store)
    assert not store.root.exists()


def test_a_strangers_file_is_data_and_its_bad_captions_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text(
        '{"narration": "jar", "caption": "[jar] (pop)", "by": "hand"}\n\n'
        '{"narration": "tin", "caption": "a clank"}\n'
    )
    parcel = read_captions(file)
    assert parcel.key is None
    assert [(row.narration, row.caption) for row in parcel.rows] == [("jar", "[jar] (pop)")]
    assert parcel.refused == 1


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
    file = tmp_path / "made.jsonl"
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
