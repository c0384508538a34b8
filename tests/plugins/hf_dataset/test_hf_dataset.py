"""Tables with videos: scores of the folder of the same clips; what is wrong is one line."""

import json
import pickle
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hf_tables import list_rows, write_parquet_set
from local_hub import COMMIT, serve_hub, use_hub

import egoexobench as ee
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.errors import DataError, EgoExoBenchError, NoticeWarning, UsageError
from egoexobench.types import SPLITS
from egoexobench_plugins.hf_dataset import hf_dataset

datasets = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore::egoexobench.errors.NoticeWarning")
LABELS = {"id": "name", "scene": "scene", "verbs": "verbs", "nouns": "nouns"}
TEST_ONLY: dict[str, Any] = {"train": None, "val": None}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def parquet(folder: Path, tmp_path: Path) -> Path:
    return write_parquet_set(tmp_path / "set", folder)


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as the test split of a new folder."""

    def write(rows: list[dict[str, Any]], **types: Any) -> Path:
        root = tmp_path / f"rows-{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        table = datasets.Dataset.from_list(rows)
        for column, feature in types.items():
            table = table.cast_column(column, feature)
        table.to_parquet(str(root / "test.parquet"))
        return root

    return write


def create(path: Path | str, **options: Any) -> FolderDataset:
    return hf_dataset(path=str(path), **options)


def make_row(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "ego": b"ego", "exo": b"exo", "text": "cut"} | changes


@pytest.mark.slow
def test_a_table_with_videos_scores_as_the_folder_of_its_clips(
    parquet: Path, folder: Path, tmp_path: Path
) -> None:
    labels = ",".join(f"{key}={value}" for key, value in LABELS.items())
    scores = []
    for spec in (f"hf-dataset:path={parquet},{labels}", f"folder:path={folder}"):
        result = ee.run(
            "logmel-neighbor", dataset=spec, out=tmp_path / "runs", progress=False, tasks=["ex2eg"]
        )
        scores.append(
            {
                (score.task, score.policy, name): metric.value
                for score in result.record.scores
                if score.policy != "mcq20"  # the folder alone lists questions
                for name, metric in score.metrics.items()
            }
        )
    assert scores[0] == scores[1]
    assert scores[0]


def test_rows_and_media_are_those_of_the_folder(parquet: Path, folder: Path) -> None:
    dataset, source = create(parquet, **LABELS), FolderDataset(folder)
    assert dataset.findings == []
    for split in SPLITS:
        for clip, expected in zip(dataset.clips(split), source.clips(split), strict=True):
            assert Path(clip.media).read_bytes() == Path(expected.media).read_bytes()
            assert (clip.id, clip.scene, clip.nouns) == (
                expected.id,
                expected.scene,
                expected.nouns if clip.view == "ego" else clip.nouns,
            )


def test_media_are_written_once_and_repaired(parquet: Path, own_cache: Path) -> None:
    dataset = create(parquet, **LABELS)
    media = sorted({clip.media for split in SPLITS for clip in dataset.clips(split)})
    inodes = [Path(path).stat().st_ino for path in media]
    assert create(parquet, **LABELS).fingerprint == dataset.fingerprint
    other = create(parquet, **LABELS | {"scene": None})
    assert other.root != dataset.root
    linked = sorted({clip.media for split in SPLITS for clip in other.clips(split)})
    assert [Path(path).stat().st_ino for path in linked] == inodes
    content = Path(media[0]).read_bytes()
    Path(media[0]).write_bytes(content[:10])
    create(parquet, **LABELS)
    assert Path(media[0]).read_bytes() == content
    assert not list(own_cache.rglob("*.draft"))


def test_a_changed_file_gives_its_new_rows_and_another_fingerprint(
    write_rows: Callable[..., Path],
) -> None:
    root = write_rows([make_row()])
    first = create(root, **TEST_ONLY)
    assert first.pairs("test")[0].narration == "cut"
    datasets.Dataset.from_list([make_row(text="mix")]).to_parquet(str(root / "test.parquet"))
    second = create(root, **TEST_ONLY)
    assert second.pairs("test")[0].narration == "mix"
    datasets.Dataset.from_list([make_row(text="mix", ego=b"new")]).to_parquet(
        str(root / "test.parquet")
    )
    third = create(root, **TEST_ONLY)
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3


def test_bytes_count_even_where_the_working_folder_has_a_file_of_that_name(
    write_rows: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"another video")
    monkeypatch.chdir(tmp_path)
    row = make_row(ego={"bytes": b"ego", "path": "a.mp4"})
    dataset = create(write_rows([row], ego=datasets.Video()), **TEST_ONLY)
    assert Path(dataset.clips("test")[0].media).read_bytes() == b"ego"


def test_save_to_disk_json_and_many_cameras(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = datasets.Dataset.from_list(list_rows(folder, "train"))
    datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "saved"))
    (tmp_path / "saved" / "train" / "cache-1.arrow").write_bytes(b"left by map()")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    saved = create(tmp_path / "saved", test="train", **TEST_ONLY)
    assert len(saved.pairs("test")) == len(table)
    root = tmp_path / "json"
    (root / "videos").mkdir(parents=True)
    for name in ("e", "x1", "x2"):
        (root / "videos" / f"{name}.mp4").write_bytes(name.encode())
    row = {"e": "videos/e.mp4", "x1": "videos/x1.mp4", "x2": None, "say": "cut", "n": 7}
    lines = [row, row | {"x2": "videos/x2.mp4", "n": 8}]
    (root / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = create(root, ego="e", exo="x1+x2", text="say", id="n", **TEST_ONLY)
    assert [pair.id for pair in dataset.pairs("test")] == ["7-x1", "8-x1", "8-x2"]
    (root / "videos" / "e.mp4").write_bytes(b"changed")
    again = create(root, ego="e", exo="x1+x2", text="say", id="n", **TEST_ONLY)
    assert again.fingerprint != dataset.fingerprint


def test_classes_are_read_by_name(write_rows: Callable[..., Path]) -> None:
    root = write_rows(
        [make_row(scene=1), make_row(scene=None)], scene=datasets.ClassLabel(names=["a", "kitchen"])
    )
    assert [clip.scene for clip in create(root, scene="scene", **TEST_ONLY).clips("test")[::2]] == [
        "kitchen",
        None,
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ego": "video"}, r"has no column 'video'; columns: name, ego, exo, text, number"),
        ({"test": "dev"}, r"no split 'dev'; splits: test; name yours"),
        ({"config": "all"}, r"all"),
        ({"ego": "number"}, r"column 'number' has the type int64; expected a video"),
        ({"text": "number"}, r"column 'number' has the type int64; expected text"),
        ({"verbs": "number"}, r"column 'number' has the type int64; expected a list of text"),
        ({"exo": "ego"}, r"name each column once"),
        ({"id": "name"}, r"row 1: the id 'a' stands in split 'test', row 0 already"),
        ({"revision": COMMIT}, r"does not fit: .* is a folder"),
    ],
)
def test_an_option_that_does_not_fit_is_one_line(
    write_rows: Callable[..., Path], options: dict[str, Any], text: str
) -> None:
    root = write_rows([make_row(number=1), make_row(number=2)])
    with pytest.raises(EgoExoBenchError, match=text) as caught:
        create(root, **TEST_ONLY | options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ego": None}, r"row 1: column 'ego' has no video \(null\)"),
        ({"exo": None}, r"row 1: column 'exo' has no video \(null\)"),
        ({"ego": b""}, r"row 1: a video has no bytes"),
        ({"text": None}, r"row 1: column 'text' has no narration"),
        ({"name": None}, r"row 1: column 'name' has no id"),
    ],
)
def test_a_row_that_lacks_something_is_one_line(
    write_rows: Callable[..., Path], changes: dict[str, Any], text: str, own_cache: Path
) -> None:
    root = write_rows([make_row(), make_row(**{"name": "b"} | changes)])
    with pytest.raises(DataError, match=text):
        create(root, id="name", **TEST_ONLY)
    assert not list(own_cache.rglob("clips.jsonl"))


@pytest.mark.parametrize("path", ["../secret.mp4", "/etc/hostname", "", "a\0b", "link.mp4"])
def test_a_path_outside_of_the_folder_is_refused(
    tmp_path: Path, write_rows: Callable[..., Path], path: str
) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"x")
    root = write_rows([make_row(ego=path)])
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    with pytest.raises(DataError, match="is not a file in"):
        create(root, **TEST_ONLY)


def test_sounds_scripts_other_tables_and_damage_are_refused(
    write_rows: Callable[..., Path], tmp_path: Path
) -> None:
    sound = make_row(ego={"bytes": b"x", "path": "a.wav"})
    with pytest.raises(DataError, match="has the type Audio; expected a video"):
        create(write_rows([sound], ego=datasets.Audio()), **TEST_ONLY)
    root = tmp_path / "script"
    root.mkdir()
    (root / "clips.py").write_text("raise SystemExit")
    with pytest.raises(DataError, match=r"only a loading script, clips\.py, which is never run"):
        create(root)
    damaged = write_rows([make_row()])
    (damaged / "test.parquet").write_bytes(b"PAR1 no table")
    with pytest.raises(DataError, match="cannot read"):
        create(damaged, **TEST_ONLY)
    card = write_rows([make_row()])
    for pattern in ("https://example.org/a.parquet", "../*.parquet"):
        lines = f"configs:\n- config_name: default\n  data_files: {pattern}\n"
        (card / "README.md").write_text(f"---\n{lines}---\n")
        with pytest.raises(DataError, match="which are outside the folder"):
            create(card, **TEST_ONLY)


def test_a_set_of_a_hub_is_downloaded_once_at_its_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write_rows: Callable[..., Path]
) -> None:
    root = write_rows([make_row()])
    (root / "code.py").write_text("raise SystemExit")
    with serve_hub() as hub:
        use_hub(monkeypatch, hub.endpoint, tmp_path / "hub")
        hub.repositories |= {"lab/clips": root, "lab/gated": root}
        hub.gated.add("lab/gated")
        with pytest.warns(NoticeWarning, match=r"lab/clips@0123456: 1 files, .* MB, license mit"):
            dataset = create("lab/clips", revision=COMMIT, **TEST_ONLY)
        assert len(dataset.pairs("test")) == 1
        assert not [request for request in hub.requests if request.endswith(".py")]
        hub.requests.clear()
        assert create("lab/clips", revision=COMMIT, **TEST_ONLY).root == dataset.root
        assert hub.requests == []
        for name, text in (
            ("lab/gated", "is gated: accept its license"),
            ("lab/none", "there is no data set"),
        ):
            with pytest.raises(DataError, match=text):
                create(name, revision=COMMIT)
    with pytest.raises(UsageError, match=r"its commit is not known; write revision=COMMIT"):
        create("lab/clips")
    with pytest.raises(UsageError, match="'main' is not a commit and may move"):
        create("lab/clips", revision="main")


@pytest.mark.slow
def test_without_a_network_one_line_comes_within_six_seconds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_hub(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path / "hub")
        start = time.monotonic()
        with pytest.raises(DataError, match=r"cannot be downloaded .*write path=FOLDER"):
            create("lab/clips", revision=COMMIT)
        assert time.monotonic() - start < 6
