"""Models of mteb run through their own `encode`, with clips that are decoded here."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import CommandLine
from tiny_models import write_tiny_model

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.method import list_declared_inputs
from egoexobench.toolbox.hub import FileUnavailableError
from egoexobench.types import Frames
from egoexobench_plugins.mteb_models import mteb, mteb_audio, mteb_joint, mteb_text, mteb_video
from egoexobench_plugins.mteb_models.packed_frames import unpack_frames

BASELINE = "mteb/baseline-random-encoder"
RegisterModel = Callable[..., str]


@pytest.fixture
def register_model() -> Iterator[RegisterModel]:
    """Adds a model to mteb for one test: ``register_model(loader, modalities=...)``."""
    library = pytest.importorskip("mteb")
    from mteb.models.model_implementations import MODEL_REGISTRY

    added: list[str] = []

    def register(loader: Callable[..., Any], **fields: Any) -> str:
        name = "mteb/baseline-tiny"
        base = library.get_model_meta(BASELINE)
        defaults = {"name": name, "loader": loader, "revision": None, "embed_dim": None}
        MODEL_REGISTRY[name] = base.model_copy(update=defaults | fields)
        added.append(name)
        return name

    yield register
    for name in added:
        MODEL_REGISTRY.pop(name, None)


@pytest.mark.slow
@pytest.mark.parametrize("create", [mteb_video, mteb_audio, mteb_joint, mteb_text])
def test_the_random_baseline_keeps_the_contract(create: Callable[..., Any]) -> None:
    pytest.importorskip("mteb")
    encoder = create(model=BASELINE)
    testing.check_encoder(encoder)
    assert encoder.dim == 32


def test_the_evidence_follows_from_the_option_and_the_record_names_the_revision() -> None:
    pytest.importorskip("mteb")
    video = mteb("compact", model=BASELINE)
    assert video.video == f"mteb-video:model={BASELINE},revision=2"
    assert video.text == f"mteb-text:model={BASELINE},revision=2"
    assert list_declared_inputs(video) == {"video": ("video",), "text": ("narration",)}
    audio = mteb("compact", model=BASELINE, evidence="audio")
    assert list_declared_inputs(audio)["video"] == ("audio",)
    both = mteb("compact", model=BASELINE, evidence="both")
    assert (both.video, both.audio) == (None, None)
    assert list_declared_inputs(both)["video"] == ("video", "audio")
    testing.check_method(video, pytest.importorskip("egoexobench").Registry())


def test_a_model_without_text_has_no_text_side(register_model: RegisterModel) -> None:
    name = register_model(None, modalities=["video"])
    assert mteb("compact", model=name).text is None
    dot = register_model(None, similarity_fn_name="dot")
    assert mteb("compact", model=dot).similarity == "dot"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("microsoft/xclip-base-patch3", r"no model of this name; did you mean microsoft/xclip-ba"),
        ("sentence-transformers/all-MiniLM-L6-v2", r"reads text and not video"),
        ("laion/clap-htsat-unfused", r"and not video; write evidence=audio"),
        ("google/gemini-embedding-2", r"is a service on the network"),
        ("mteb/baseline-random-colbert", r"is late-interaction; only a dense model"),
    ],
)
def test_a_model_that_cannot_be_used_is_one_line(name: str, message: str) -> None:
    pytest.importorskip("mteb")
    with pytest.raises(UsageError, match=message) as caught:
        mteb("compact", model=name)
    assert "\n" not in str(caught.value)


def test_another_revision_than_that_of_mteb_is_refused() -> None:
    pytest.importorskip("mteb")
    with pytest.raises(UsageError, match=r"runs revision 2 and not 1; install the version"):
        mteb_video(model=BASELINE, revision="1")


def test_without_a_network_one_line_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mteb")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FileUnavailableError, match=r"xclip-base-patch32@a2e27a7 is not on this ma"):
        mteb_video(model="microsoft/xclip-base-patch32")


def test_code_of_a_repository_is_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register_model: RegisterModel
) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "none", "auto_map": {"AutoConfig": "code.Config"}})
    )
    (tmp_path / "code.py").write_text("open('ran', 'w')\n")
    monkeypatch.chdir(tmp_path)

    def load(*_: Any, **__: Any) -> Any:
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(str(tmp_path), trust_remote_code=True)

    with pytest.raises(DataError, match=r"needs Python code of its repository"):
        mteb_video(model=register_model(load))
    assert not (tmp_path / "ran").exists()


def test_a_pickle_that_runs_code_is_not_loaded(
    tmp_path: Path, register_model: RegisterModel
) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    torch.save(Payload(), tmp_path / "weights.pt")

    def load(*_: Any, **__: Any) -> Any:
        return torch.load(tmp_path / "weights.pt", weights_only=False)

    with pytest.raises(DataError, match=r"mteb cannot run model=mteb/baseline-tiny"):
        mteb_video(model=register_model(load))
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_a_model_gives_the_vectors_of_the_library_itself(
    tmp_path: Path, register_model: RegisterModel
) -> None:
    from mteb.models.model_implementations.facebook_jepa import VJepaV2Wrapper

    write_tiny_model(tmp_path, "video", "vjepa2")

    def load(_: str, revision: str | None, **options: Any) -> Any:
        return VJepaV2Wrapper(str(tmp_path), revision, num_frames=4, **options)

    encoder: Any = mteb_video(model=register_model(load, modalities=["video"]))
    testing.check_encoder(encoder, num_frames=8)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 48, 64, 3), dtype=np.uint8)
    prepared = encoder.prepare(Frames(pixels, np.arange(8) / 4))
    values = torch.from_numpy(prepared)[None]
    tokens = encoder.encode(values, torch.ones(values.shape, dtype=torch.bool))
    selected = torch.from_numpy(pixels[[0, 2, 5, 7]]).permute(0, 3, 1, 2)  # mteb's rule
    expected = run_library(tmp_path, selected)
    torch.testing.assert_close(tokens.values[0], expected, rtol=1e-4, atol=1e-5)
    assert tokens.mask.all()


def run_library(folder: Path, frames: torch.Tensor) -> torch.Tensor:
    from transformers import AutoModel, AutoVideoProcessor

    processor, model = AutoVideoProcessor.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.inference_mode():
        batch = processor(videos=[frames], return_tensors="pt")
        return model.eval()(**batch, skip_predictor=True).last_hidden_state.mean(1)


def test_a_large_frame_is_reduced_and_a_small_one_is_not() -> None:
    pytest.importorskip("mteb")
    encoder: Any = mteb_video(model=BASELINE, short_side=32)
    for size, expected in {(64, 96): (32, 48), (20, 40): (20, 40)}.items():
        frames = Frames(np.zeros((2, *size, 3), np.uint8), np.arange(2.0))
        video = unpack_frames(torch.from_numpy(encoder.prepare(frames)))
        assert tuple(video.get_frames_at([0, 1]).data.shape) == (2, 3, *expected)
        assert video.metadata.end_stream_seconds == 2.0


class MeanModel:
    """A model of mteb that projects the mean of frames and the loudness of sound at random."""

    mteb_model_meta: Any = None

    def __init__(self, *_: Any, **__: Any) -> None:
        rng = np.random.default_rng(0)
        self.frames, self.sound = rng.standard_normal((8, 3)), rng.standard_normal((8, 16))
        self.columns: set[tuple[str, ...]] = set()

    def encode(self, inputs: Any, **_: Any) -> Any:
        from mteb.models.modality_collators import VideoCollator

        inputs.collate_fn = VideoCollator(target_sampling_rate=16_000, num_frames=4)
        self.columns.add(tuple(inputs.dataset.features))
        return np.concatenate([self.encode_batch(batch) for batch in inputs])

    def encode_batch(self, batch: Any) -> Any:
        vectors = np.zeros((len(next(iter(batch.values()))), 8))
        for index, frames in enumerate(batch.get("video", ())):
            vectors[index] += self.frames @ frames.double().mean((0, 2, 3)).numpy() / 255
        for index, sound in enumerate(batch.get("audio", ())):
            power = np.abs(np.fft.rfft(sound["array"]))[: 16 * 100]
            vectors[index] += self.sound @ np.log1p(power.reshape(16, -1).mean(1))
        return vectors


def run_on_folder(home: Path, folder: Path, options: str) -> dict[str, Any]:
    result = CommandLine(home)(
        "run", "--method", f"mteb:{options}", "--dataset", f"folder:path={folder}", "--json"
    )
    assert result.returncode == 0, result.stderr
    record: dict[str, Any] = json.loads(result.stdout)
    return record


@pytest.mark.slow
def test_a_run_with_the_random_baseline_is_near_chance(tmp_path: Path, folder: Path) -> None:
    pytest.importorskip("mteb")
    record = run_on_folder(tmp_path, folder, f"model={BASELINE}")
    encoders = [part for part in record["method"]["parts"] if part["kind"] == "encoder"]
    assert len(encoders) == 2
    for part in encoders:
        assert part["options"]["revision"] == "2"
        assert part["library_versions"]["mteb"].startswith("2.")
    scores = [score for score in record["scores"] if score["policy"] == "gallery"]
    assert scores
    for score in scores:
        metric = score["metrics"]["mrr"]
        assert metric["low"] <= metric["chance"] <= metric["high"], score["task"]


@pytest.mark.slow
@pytest.mark.parametrize("evidence", ["audio", "both"])
def test_sound_is_read_alone_or_with_the_picture(
    evidence: str, tmp_path: Path, folder: Path, register_model: RegisterModel
) -> None:
    models: list[MeanModel] = []

    def load(*_: Any, **__: Any) -> MeanModel:
        models.append(MeanModel())
        return models[-1]

    name = register_model(load, modalities=["video", "audio"])
    record = run_on_folder(tmp_path, folder, f"model={name},evidence={evidence}")
    inputs = {"audio": ["audio"], "both": ["video", "audio"]}[evidence]
    assert record["method"]["declared_inputs"] == {"video": inputs, "text": []}
    assert {columns for model in models for columns in model.columns} == {tuple(inputs)}
    assert record["scores"]


@pytest.mark.slow
def test_a_clip_without_sound_is_a_clip_of_video_alone(register_model: RegisterModel) -> None:
    name = register_model(lambda *_, **__: MeanModel(), modalities=["video", "audio"])
    joint, video = mteb_joint(model=name), mteb_video(model=name)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 20, 30, 3), dtype=np.uint8)
    clips = [torch.from_numpy(joint.prepare_video(Frames(p, np.arange(4.0)))) for p in pixels]
    values, mask = torch.stack(clips), torch.ones(2, len(clips[0]), dtype=torch.bool)
    sound, has_sound = torch.rand(2, 48_000), torch.ones(2, 48_000, dtype=torch.bool)
    has_sound[1] = False
    tokens = joint.encode(values, mask, sound, has_sound)
    expected = video.encode(values, mask)
    assert tokens.mask.all()
    assert torch.equal(tokens.values[1], expected.values[1])
    assert not torch.equal(tokens.values[0], expected.values[0])
