"""BEATs features of the SoundBridge authors: which files are imported and which are rejected."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_parts import MaliciousPickle

from egoexobench.errors import DataError, UsageError
from egoexobench.features import encode_clips, import_beats
from egoexobench.features.encoder_runner import EncoderRunner, cache_signature
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.import_beats import import_features, read_feature
from egoexobench.progress import NullProgress
from egoexobench.types import Clip

WIDTH = 6


def make_rows(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, WIDTH), np.float32))


class ImportScene:
    """Clips of two videos and a folder of features."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root / "stores", root / "audios_features"
        self.folder.mkdir()
        self.videos = [root / f"{name}.mp4" for name in ("ab-1", "cd_2")]
        for video in self.videos:
            video.write_text(video.name)
        encoder = SimpleNamespace(modality="audio", frozen=True, dim=WIDTH)
        self.runner = EncoderRunner(encoder, "beats")
        self.clips = [self.make_clip("a", 0, 0.0, 2.5), self.make_clip("b", 0, 3.2, 9.99)]

    def make_clip(self, name: str, video: int, start: float, end: float | None) -> Clip:
        return Clip(
            name, "ego", str(self.videos[video]), start=start, end=end, narration="", take="t"
        )

    def save(self, name: str, content: object) -> None:
        torch.save(content, self.folder / name)

    def import_features(self):
        return import_features(
            self.clips, self.runner, self.folder, root=self.root, progress=NullProgress()
        )

    def open_store(self) -> FeatureStore:
        return FeatureStore(self.root, cache_signature(self.runner))


@pytest.fixture
def import_scene(tmp_path: Path) -> ImportScene:
    return ImportScene(tmp_path)


def test_features_are_found_by_whole_seconds_and_stored_under_the_clip(
    import_scene: ImportScene,
) -> None:
    import_scene.save("ab-1_0-2.pt", make_rows(4)[None])
    import_scene.save("ab-1_3-9.pt", (make_rows(7, 1), None))  # a tuple, as BEATs returns it
    result = import_scene.import_features()
    assert (result.num_requested, result.state_counts, result.failures) == (2, {"imported": 2}, {})
    # a run finds them in its cache and decodes nothing
    banks = encode_clips.encode_clips(
        import_scene.clips,
        {"audio": import_scene.runner},
        8,
        root=import_scene.root,
        progress=NullProgress(),
    ).banks
    assert np.array_equal(banks["audio"].get("a"), make_rows(4).numpy())
    assert np.array_equal(banks["audio"].get("b"), make_rows(7, 1).numpy())


def test_a_missing_file_is_named_and_has_no_row(import_scene: ImportScene) -> None:
    import_scene.save("ab-1_0-2.pt", make_rows(4)[None])
    result = import_scene.import_features()
    assert result.failures == {"b": "ab-1_3-9.pt is missing"}
    assert result.state_counts == {"imported": 1}
    assert len(import_scene.open_store()) == 1


def test_clips_whose_whole_seconds_are_the_same_get_no_features_and_are_named(
    import_scene: ImportScene,
) -> None:
    import_scene.clips += [
        import_scene.make_clip("c", 0, 3.9, 9.1),
        import_scene.make_clip("d", 1, 3.2, 9.99),
    ]
    import_scene.clips += [
        import_scene.make_clip("again", 1, 3.2, 9.99)
    ]  # the same span of the same video
    for name in ("ab-1_0-2.pt", "ab-1_3-9.pt", "cd_2_3-9.pt"):
        import_scene.save(name, make_rows(3)[None])
    result = import_scene.import_features()
    assert result.failures.keys() == {"b", "c"}
    assert "ab-1_3-9.pt is also the file of c" in result.failures["b"]
    assert result.state_counts == {"imported": 3}


def test_a_missing_video_has_no_key_for_its_features(import_scene: ImportScene) -> None:
    import_scene.save("ab-1_0-2.pt", make_rows(4)[None])
    import_scene.videos[0].unlink()
    assert import_scene.import_features().failures.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (make_rows(4).T[None], r"transposed: found \(6, 4\), expected \(T, 6\)"),
        (make_rows(4)[None, None], r"has shape \(1, 4, 6\), expected"),
        (make_rows(4), r"has shape \(6,\), expected"),
        (make_rows(0)[None], r"has shape \(0, 6\), expected"),
        (make_rows(4)[None, :, :5], r"has shape \(4, 5\), expected"),
        (torch.zeros(1, 4, WIDTH), "only zeros"),
        (make_rows(4)[None] * torch.nan, "contains NaN or infinity"),
        ({"x": make_rows(4)}, "contains no floating-point tensor"),
        ([], "contains no floating-point tensor"),
        (torch.ones(1, 4, WIDTH, dtype=torch.int64), "contains no floating-point tensor"),
    ],
)
def test_a_file_without_features_is_named_and_not_stored(
    import_scene: ImportScene, content: object, message: str
) -> None:
    import_scene.save("ab-1_0-2.pt", content)
    import_scene.save("ab-1_3-9.pt", make_rows(4)[None])
    with pytest.raises(DataError, match=message):
        read_feature(import_scene.folder / "ab-1_0-2.pt", WIDTH)
    result = import_scene.import_features()
    assert list(result.failures) == ["a"]
    assert result.state_counts == {"imported": 1}


def test_a_file_that_would_run_code_is_refused(
    import_scene: ImportScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    import_scene.save("ab-1_0-2.pt", [make_rows(4), MaliciousPickle()])
    (import_scene.folder / "ab-1_3-9.pt").write_bytes(pickle.dumps(MaliciousPickle()))
    result = import_scene.import_features()
    assert "rejected" in result.failures["a"]
    assert result.failures.keys() == {"a", "b"}
    assert not (tmp_path / "ran").exists()


def test_half_precision_and_square_features_are_read_as_time_by_features(
    import_scene: ImportScene,
) -> None:
    square = make_rows(WIDTH).half()
    import_scene.save("ab-1_0-2.pt", square[None])
    assert np.array_equal(
        read_feature(import_scene.folder / "ab-1_0-2.pt", WIDTH), square.float().numpy()
    )


def test_the_end_of_a_clip_without_one_is_that_of_its_video(
    import_scene: ImportScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_beats, "read_media_info", lambda path: SimpleNamespace(seconds=12.8))
    assert (
        import_beats.make_feature_file_name(import_scene.make_clip("e", 1, 4.7, None))
        == "cd_2_4-12.pt"
    )


def test_features_are_imported_for_a_frozen_audio_encoder_and_from_a_folder(
    import_scene: ImportScene,
) -> None:
    for wrong in ({"modality": "video"}, {"frozen": False}):
        encoder = SimpleNamespace(**({"modality": "audio", "frozen": True, "dim": 6} | wrong))
        with pytest.raises(UsageError, match="frozen audio encoder"):
            import_features(
                import_scene.clips,
                EncoderRunner(encoder, ""),
                import_scene.folder,
                root=import_scene.root,
                progress=NullProgress(),
            )
    with pytest.raises(DataError, match="is not a folder"):
        import_features(
            import_scene.clips,
            import_scene.runner,
            import_scene.folder / "none",
            root=import_scene.root,
            progress=NullProgress(),
        )


def test_importing_again_reads_nothing_again(import_scene: ImportScene) -> None:
    for name in ("ab-1_0-2.pt", "ab-1_3-9.pt"):
        import_scene.save(name, make_rows(4)[None])
    import_scene.import_features()
    before = import_scene.open_store().list_files()
    import_scene.import_features()
    assert import_scene.open_store().list_files() == before
