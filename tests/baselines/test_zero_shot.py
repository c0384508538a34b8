"""Zero-shot baselines: a whole run each, and the numbers of the libraries on the same clips."""

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
import transformers
from command_line import CommandLine
from PIL import Image
from pretrained_models import WRITERS, write_folder
from torch import Tensor
from torch.nn import functional

import egoexobench as ee
from egoexobench.data.decode import decode_clip
from egoexobench.method import ENCODER_ROLES
from egoexobench.records.schema import Record
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.types import Clip, Embeddings
from egoexobench.verification.bundle import verify_bundle

CLIP, SIGLIP, CLAP = (
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
    "google/siglip2-base-patch16-224",
    "laion/clap-htsat-unfused",
)
MODELS = {
    "clip-zeroshot": {"model": CLIP},
    "siglip-zeroshot": {"model": SIGLIP},
    "clap-zeroshot": {"model": CLAP},
    "late-fusion": {"model": CLIP, "audio_model": CLAP},
    "dinov2-neighbor": {"model": "facebook/dinov2-base"},
    "vjepa2-neighbor": {"model": "facebook/vjepa2-vitl-fpc64-256"},
}
"""The models of a baseline by option."""
SPLITS = {"train": "a", "val": "bcd", "test": "efg"}
FEW = {"train": "a", "val": "b", "test": "c"}
TASKS = ("--task", "eg2ex", "--task", "t2v")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("zero-shot") / "clips", SPLITS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


def make_spec(name: str, models: Path, **options: float) -> str:
    """The method with a tiny model in place of each model."""
    folders = {option: models / model for option, model in MODELS[name].items()}
    for option, path in folders.items():
        if not path.exists():
            WRITERS[MODELS[name][option]](path)
    return str(ee.Spec(name).add_options({**folders, **options}))


def run(method: str, folder: Path, home: Path, *arguments: str) -> Record:
    command = CommandLine(home)
    dataset = f"folder:path={folder}"
    result = command(
        "run", "--scale", "pretrained", "--method", method, "--dataset", dataset, *arguments
    )
    assert result.returncode == 0, result.stderr
    return read_record(next((home / "runs").rglob("*.json")))


def embed(method: str, folder: Path) -> Any:
    return ee.embed(method, dataset=f"folder:path={folder}", split="test", scale="pretrained")


def list_test_clips(folder: Path) -> list[Clip]:
    return list(ee.dataset(f"folder:path={folder}").clips("test"))


def compute_cosines(videos: Embeddings, texts: Embeddings) -> Tensor:
    return (
        functional.normalize(videos.vectors, dim=1) @ functional.normalize(texts.vectors, dim=1).T
    )


@pytest.mark.parametrize("name", MODELS)
def test_the_models_are_those_that_are_downloaded(name: str) -> None:
    method = Registry().create("method", name, "pretrained")
    specs = [ee.Spec.parse(spec) for role in ENCODER_ROLES if (spec := getattr(method, role))]
    assert {spec.options["model"] for spec in specs} == set(MODELS[name].values())
    assert method.objective is None
    for source in method.provenance.values():
        assert "unknown" not in source.lower() or "chosen here" in source


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_baseline_is_scored_and_verified_on_three_pairs(
    name: str, models: Path, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "clips", FEW)
    record = run(make_spec(name, models), folder, tmp_path)
    has_text = record.method.declared_inputs.text != ()
    assert ("t2v" in {score.task for score in record.scores}) == has_text
    assert record.checkpoint_selection is None
    assert (record.value_selection is not None) == (name == "late-fusion")
    [verification] = [verify_bundle(path) for path in (tmp_path / "runs").rglob("*.json")]
    assert verification.is_verified


def test_clip_equals_open_clip_on_the_same_clips(models: Path, folder: Path) -> None:
    result = embed(make_spec("clip-zeroshot", models), folder)
    name = f"local-dir:{models / CLIP}"
    model, _, transform = open_clip.create_model_and_transforms(name)
    model.eval()
    clips = {clip.id: clip for clip in list_test_clips(folder)}
    videos = []
    for clip_id in result.videos.ids:
        frames = decode_clip(clips[clip_id], 12, with_audio=False).frames
        pictures = torch.stack([transform(Image.fromarray(pixels)) for pixels in frames.pixels])
        with torch.inference_mode():
            videos.append(functional.normalize(model.encode_image(pictures), dim=1).mean(0))
    narrations = {
        pair.id: pair.narration for pair in ee.dataset(f"folder:path={folder}").pairs("test")
    }
    tokens = open_clip.get_tokenizer(name)([narrations[text_id] for text_id in result.texts.ids])
    with torch.inference_mode():
        texts = functional.normalize(model.encode_text(tokens), dim=1)
    expected = functional.normalize(torch.stack(videos), dim=1) @ texts.T
    torch.testing.assert_close(
        compute_cosines(result.videos, result.texts), expected, rtol=0, atol=1e-5
    )


def test_clap_equals_transformers_on_the_same_clips(models: Path, folder: Path) -> None:
    result = embed(make_spec("clap-zeroshot", models), folder)
    model = transformers.ClapModel.from_pretrained(models / CLAP).eval()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(models / CLAP)
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / CLAP)
    clips = {clip.id: clip for clip in list_test_clips(folder)}
    videos = []
    for clip_id in result.videos.ids:
        sound = decode_clip(clips[clip_id], 0, with_audio=True, sample_rate=48_000).audio
        batch = extractor(sound.waveform, sampling_rate=48_000, return_tensors="pt")
        with torch.inference_mode():
            videos.append(model.get_audio_features(**batch).pooler_output[0])
    narrations = {
        pair.id: pair.narration for pair in ee.dataset(f"folder:path={folder}").pairs("test")
    }
    texts = []
    for text_id in result.texts.ids:
        with torch.inference_mode():
            batch = tokenizer(narrations[text_id], return_tensors="pt")
            batch.pop("token_type_ids", None)
            texts.append(model.get_text_features(**batch).pooler_output[0])
    expected = (
        functional.normalize(torch.stack(videos), dim=1)
        @ functional.normalize(torch.stack(texts), dim=1).T
    )
    torch.testing.assert_close(
        compute_cosines(result.videos, result.texts), expected, rtol=0, atol=1e-5
    )


def test_siglip_reads_texts_in_lower_case(models: Path) -> None:
    from egoexobench_plugins.hub_encoders import hf_text

    make_spec("siglip-zeroshot", models)
    encoder = hf_text(model=str(models / SIGLIP))
    np.testing.assert_array_equal(
        encoder.prepare("C Cuts THE Garlic"), encoder.prepare("c cuts the garlic")
    )


def test_late_fusion_is_clip_at_weight_0_and_a_weighted_sum_above(
    models: Path, folder: Path
) -> None:
    pictures = embed(make_spec("clip-zeroshot", models), folder)
    sounds = embed(make_spec("clap-zeroshot", models), folder)
    expected = {0.0: compute_cosines(pictures.videos, pictures.texts)}
    expected[0.3] = 0.7 * expected[0.0] + 0.3 * compute_cosines(sounds.videos, sounds.texts)
    for weight, cosines in expected.items():
        result = embed(make_spec("late-fusion", models, weight=weight), folder)
        assert result.videos.ids == pictures.videos.ids
        assert result.texts.ids == pictures.texts.ids
        actual = compute_cosines(result.videos, result.texts)
        torch.testing.assert_close(actual, cosines, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_test_split_does_not_change_the_weight(models: Path, tmp_path: Path) -> None:
    method = make_spec("late-fusion", models)
    records = []
    for seed in (0, 1):
        home = tmp_path / str(seed)
        home.mkdir()
        folder = write_folder(home / "clips", SPLITS, seed=seed)
        records.append(run(method, folder, home, *TASKS))
    first, second = records
    assert first.value_selection is not None
    assert first.value_selection == second.value_selection
    assert first.dataset.media_hash != second.dataset.media_hash
    assert [item.metrics for item in first.scores] != [item.metrics for item in second.scores]


def test_a_silent_clip_is_its_pictures_alone(models: Path, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "silent", SPLITS, silent="e")
    method, options = make_spec("late-fusion", models, weight=0.6), {"scale": "pretrained"}
    dataset = f"folder:path={folder}"
    mixed = ee.embed(method, dataset=dataset, missing_audio="mask", **options).videos
    pictures = ee.embed(make_spec("late-fusion", models, weight=0), dataset=dataset,
                        missing_audio="mask", **options).videos  # fmt: skip
    index = mixed.ids.index("e/ego")
    torch.testing.assert_close(mixed.vectors[index], pictures.vectors[index])
    assert not torch.allclose(mixed.vectors[0 if index else 2], pictures.vectors[0 if index else 2])


def test_a_set_without_sound_or_without_a_validation_pair_is_one_line(
    models: Path, tmp_path: Path
) -> None:
    command = CommandLine(tmp_path)
    write_folder(tmp_path / "silent", FEW, silent="abc")
    write_folder(tmp_path / "untested", {"train": "ab", "test": "c"})
    for name, folder, text in (
        ("clap-zeroshot", "silent", "6 of 6 clips have no sound"),
        ("late-fusion", "untested", "late-fusion:weight=0.5"),
    ):
        result = command(
            "run", "--scale", "pretrained", "--method", make_spec(name, models),
            "--dataset", f"folder:path={folder}",
        )  # fmt: skip
        assert result.returncode == 1
        assert text in result.stderr.splitlines()[-1]
    fixed = make_spec("late-fusion", models, weight=0.5)
    assert run(fixed, tmp_path / "untested", tmp_path).value_selection is None
