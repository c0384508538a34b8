"""SoundBridge's files of BEATs features: what is taken, and what is never taken for features."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.features import encode_clips, import_beats
from egoexobench.features.encoder_runner import EncoderRunner, cache_signature
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.import_beats import import_features as take
from egoexobench.features.import_beats import read_feature
from egoexobench.progress import NullProgress
from egoexobench.types import Clip

WIDTH = 6


def rows(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, WIDTH), np.float32))


class Scene:
    """Clips of two films and a folder of features."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root / "stores", root / "audios_features"
        self.folder.mkdir()
        self.films = [root / f"{name}.mp4" for name in ("ab-1", "cd_2")]
        for film in self.films:
            film.write_text(film.name)
        encoder = SimpleNamespace(modality="audio", frozen=True, dim=WIDTH)
        self.coder = EncoderRunner(encoder, "beats")
        self.clips = [self.clip("a", 0, 0.0, 2.5), self.clip("b", 0, 3.2, 9.99)]

    def clip(self, name: str, film: int, start: float, end: float | None) -> Clip:
        return Clip(name, "ego", str(self.films[film]), start, end, "", "t")

    def save(self, name: str, content: object) -> None:
        torch.save(content, self.folder / name)

    def take(self):
        return take(self.clips, self.coder, self.folder, self.root, NullProgress())

    def store(self) -> FeatureStore:
        return FeatureStore(self.root, cache_signature(self.coder))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_features_are_found_by_whole_seconds_and_stored_under_the_clip(scene: Scene) -> None:
    scene.save("ab-1_0-2.pt", rows(4)[None])
    scene.save("ab-1_3-9.pt", (rows(7, 1), None))  # a tuple, as BEATs returns it
    found = scene.take()
    assert (found.num_requested, found.state_counts, found.failures) == (2, {"audible": 2}, {})
    # a run looks for them where it looks for its own, and decodes nothing
    banks = encode_clips.encode_clips(
        scene.clips, {"audio": scene.coder}, 8, scene.root, NullProgress()
    ).banks
    assert np.array_equal(banks["audio"].get("a"), rows(4).numpy())
    assert np.array_equal(banks["audio"].get("b"), rows(7, 1).numpy())


def test_a_missing_file_is_named_and_no_row_stands_for_it(scene: Scene) -> None:
    scene.save("ab-1_0-2.pt", rows(4)[None])
    found = scene.take()
    assert found.failures == {"b": "ab-1_3-9.pt is missing"}
    assert found.state_counts == {"audible": 1}
    assert len(scene.store()) == 1


def test_clips_whose_whole_seconds_are_the_same_get_no_features_and_are_named(
    scene: Scene,
) -> None:
    scene.clips += [scene.clip("c", 0, 3.9, 9.1), scene.clip("d", 1, 3.2, 9.99)]
    scene.clips += [scene.clip("again", 1, 3.2, 9.99)]  # the same span of the same film
    for name in ("ab-1_0-2.pt", "ab-1_3-9.pt", "cd_2_3-9.pt"):
        scene.save(name, rows(3)[None])
    found = scene.take()
    assert found.failures.keys() == {"b", "c"}
    assert "ab-1_3-9.pt is also the file of c" in found.failures["b"]
    assert found.state_counts == {"audible": 3}


def test_a_film_that_is_missing_has_no_key_to_store_under(scene: Scene) -> None:
    scene.save("ab-1_0-2.pt", rows(4)[None])
    scene.films[0].unlink()
    assert scene.take().failures.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (rows(4).T[None], r"transposed: found \(6, 4\), expected \(T, 6\)"),
        (rows(4)[None, None], r"has shape \(1, 4, 6\), expected"),
        (rows(4), r"has shape \(6,\), expected"),
        (rows(0)[None], r"has shape \(0, 6\), expected"),
        (rows(4)[None, :, :5], r"has shape \(4, 5\), expected"),
        (torch.zeros(1, 4, WIDTH), "only zeros"),
        (rows(4)[None] * torch.nan, "contains NaN or infinity"),
        ({"x": rows(4)}, "contains no floating-point tensor"),
        ([], "contains no floating-point tensor"),
        (torch.ones(1, 4, WIDTH, dtype=torch.int64), "contains no floating-point tensor"),
    ],
)
def test_what_is_no_feature_is_told_and_not_stored(
    scene: Scene, content: object, said: str
) -> None:
    scene.save("ab-1_0-2.pt", content)
    scene.save("ab-1_3-9.pt", rows(4)[None])
    with pytest.raises(DataError, match=said):
        read_feature(scene.folder / "ab-1_0-2.pt", WIDTH)
    found = scene.take()
    assert list(found.failures) == ["a"]
    assert found.state_counts == {"audible": 1}


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("import builtins; builtins.EGOEXOBENCH_FEATURE_RAN = True",)


def test_a_file_that_would_run_code_is_refused(scene: Scene) -> None:
    scene.save("ab-1_0-2.pt", [rows(4), Evil()])
    (scene.folder / "ab-1_3-9.pt").write_bytes(pickle.dumps(Evil()))
    found = scene.take()
    assert "rejected" in found.failures["a"]
    assert found.failures.keys() == {"a", "b"}
    import builtins

    assert not hasattr(builtins, "EGOEXOBENCH_FEATURE_RAN")


def test_half_precision_and_square_features_are_taken_as_time_by_features(scene: Scene) -> None:
    square = rows(WIDTH).half()
    scene.save("ab-1_0-2.pt", square[None])
    assert np.array_equal(read_feature(scene.folder / "ab-1_0-2.pt", WIDTH), square.float().numpy())


def test_a_clip_without_an_end_asks_its_film_how_long_it_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_beats, "read_media_info", lambda path: SimpleNamespace(seconds=12.8))
    assert import_beats.make_feature_file_name(scene.clip("e", 1, 4.7, None)) == "cd_2_4-12.pt"


def test_only_a_frozen_encoder_of_sounds_takes_them_and_only_from_a_folder(scene: Scene) -> None:
    for wrong in ({"modality": "video"}, {"frozen": False}):
        encoder = SimpleNamespace(**({"modality": "audio", "frozen": True, "dim": 6} | wrong))
        with pytest.raises(UsageError, match="frozen audio encoder"):
            take(scene.clips, EncoderRunner(encoder, ""), scene.folder, scene.root, NullProgress())
    with pytest.raises(DataError, match="is not a folder"):
        take(scene.clips, scene.coder, scene.folder / "none", scene.root, NullProgress())


def test_importing_again_reads_nothing_again(scene: Scene) -> None:
    for name in ("ab-1_0-2.pt", "ab-1_3-9.pt"):
        scene.save(name, rows(4)[None])
    scene.take()
    before = scene.store().list_files()
    scene.take()
    assert scene.store().list_files() == before
