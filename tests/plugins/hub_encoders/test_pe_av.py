"""PE-AV: equal to transformers' own modules, alone and padded, with and without sound."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import CommandLine
from media_factory import make_clip_rows, make_tone, write_video
from tiny_models import write_tiny_model
from tiny_pe_av import HOP, RATE, WIDTH, write_tiny_pe_av

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table
from egoexobench.errors import DataError, UsageError
from egoexobench.method import list_declared_inputs
from egoexobench.registry import Registry
from egoexobench.testing import check_encoder
from egoexobench.types import Audio, Frames
from egoexobench_baselines import perception_encoder
from egoexobench_plugins.hub_encoders.pe_av import pe_av, pe_av_audio, pe_av_text, pe_av_video

TEXTS = ("a person takes", "cut")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """A folder with a random model, and the model as transformers made it."""
    folder = tmp_path_factory.mktemp("pe-av") / "model"
    with redirect_stdout(io.StringIO()):
        model = write_tiny_pe_av(folder)
    return str(folder), model


@pytest.fixture(scope="module")
def items() -> tuple[Frames, Audio]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (4, 40, 48, 3), dtype=np.uint8)
    sound = rng.uniform(-0.5, 0.5, int(1.3 * HOP * 10)).astype(np.float32)
    return Frames(pixels, np.arange(4.0)), Audio(sound, RATE)


def process(folder: str, frames: Frames, sound: Audio) -> tuple[torch.Tensor, torch.Tensor]:
    """The input of the model by transformers' own processors."""
    from transformers import PeAudioFeatureExtractor, PeVideoVideoProcessor

    video: Any = PeVideoVideoProcessor.from_pretrained(folder)
    pixels = video(videos=[frames.pixels], do_sample_frames=False, return_tensors="pt")
    extractor: Any = PeAudioFeatureExtractor.from_pretrained(folder)
    samples = extractor(sound.waveform, sampling_rate=RATE, return_tensors="pt")
    return pixels["pixel_values_videos"], samples["input_values"]


def encode_clip(encoder: Any, frames: Frames, sound: Audio | None) -> torch.Tensor:
    video = torch.from_numpy(encoder.prepare_video(frames))[None]
    audio = torch.zeros(1, 1)
    if sound is not None:
        audio = torch.from_numpy(encoder.prepare_audio(sound))[None]
    masks = [torch.ones(video.shape[:2]) > 0, torch.ones(audio.shape) > (sound is None)]
    with torch.inference_mode():
        result: torch.Tensor = encoder.encode(video, masks[0], audio, masks[1]).values[0, 0]
    return result


def test_a_clip_is_that_of_transformers(tiny: tuple[str, Any], items: tuple[Frames, Audio]) -> None:
    folder, model = tiny
    pixels, samples = process(folder, *items)
    with torch.inference_mode():
        expected = model.get_audio_video_embeds(samples, pixels).audio_video_embeds[0]
        alone = model.video_model.video_head(model.video_model.video_encoder(pixels).pooler_output)[
            0
        ]
        sound = model.get_audio_embeds(samples)[0]
    encoder = pe_av(model=folder)
    token = encode_clip(encoder, *items)
    assert torch.allclose(token[:WIDTH], expected, atol=1e-5)
    assert not token[WIDTH:].any()
    silent = encode_clip(encoder, items[0], None)
    assert torch.allclose(silent[WIDTH:], alone, atol=1e-5)
    assert not silent[:WIDTH].any()
    for single, source, vector in (
        (pe_av_video(model=folder), items[0], alone),
        (pe_av_audio(model=folder), items[1], sound),
    ):
        values = torch.from_numpy(single.prepare(source))[None]
        with torch.inference_mode():
            result = single.encode(values, torch.ones(values.shape[:2]) > 0).values[0, 0]
        assert torch.allclose(result, vector, atol=1e-5)


def test_silence_is_not_the_same_as_no_sound(
    tiny: tuple[str, Any], items: tuple[Frames, Audio]
) -> None:
    encoder = pe_av(model=tiny[0])
    silence = encode_clip(encoder, items[0], replace(items[1], waveform=items[1].waveform * 0))
    assert not torch.allclose(silence[:WIDTH], encode_clip(encoder, items[0], None)[WIDTH:])


def test_padding_moves_a_vector_of_transformers_in_spite_of_its_masks(
    tiny: tuple[str, Any], items: tuple[Frames, Audio]
) -> None:
    folder, model = tiny
    pixels, samples = process(folder, *items)
    masks = torch.ones(1, samples.shape[2]), torch.ones(1, 4)
    behind = torch.nn.functional.pad(samples, (0, 8 * HOP))
    padded = torch.nn.functional.pad(masks[0], (0, 8 * HOP)).bool()
    with torch.inference_mode():
        alone = model.get_audio_video_embeds(samples, pixels, masks[0].bool(), masks[1].bool())
        moved = model.get_audio_video_embeds(behind, pixels, padded, masks[1].bool())
        expected = model.get_audio_video_embeds(samples, pixels).audio_video_embeds
    first, second = alone.audio_video_embeds, moved.audio_video_embeds
    assert torch.allclose(first, expected, atol=1e-5)
    assert (second - first).norm() > 0.01 * first.norm()


def test_texts_have_a_head_for_each_kind_of_evidence(tiny: tuple[str, Any]) -> None:
    folder, model = tiny
    encoder = pe_av_text(model=folder)
    arrays = [encoder.prepare(text) for text in TEXTS]
    ids = torch.zeros(2, max(map(len, arrays)), dtype=torch.int64)
    for row, array in enumerate(arrays):
        ids[row, : len(array)] = torch.from_numpy(array)
    mask = torch.tensor([[index < len(array) for index in range(ids.shape[1])] for array in arrays])
    with torch.inference_mode():
        outputs = model.text_model(
            input_ids=ids, attention_mask=mask.long(), output_hidden_states=True
        )
        first = outputs.hidden_states[-1][:, 0]
        heads = {
            "joint": (model.text_audio_video_head, model.video_model.text_video_head),
            "video": (model.video_model.text_video_head,),
            "audio": (model.audio_model.text_audio_head,),
        }
        for evidence, modules in heads.items():
            single = pe_av_text(model=folder, evidence=evidence)  # type: ignore[arg-type]
            tokens = single.encode(ids, mask).values[:, 0]
            expected = torch.cat([module(first) for module in modules], 1)
            assert torch.allclose(tokens, expected, atol=1e-5), evidence


@pytest.mark.slow
@pytest.mark.parametrize("trained", [False, True])
def test_encoders_keep_their_contract(tiny: tuple[str, Any], trained: bool) -> None:
    for factory in (pe_av, pe_av_video, pe_av_audio, pe_av_text):
        check_encoder(factory(model=tiny[0], trained=trained))


def test_a_clip_without_a_picture_is_refused(tiny: tuple[str, Any]) -> None:
    encoder = pe_av(model=tiny[0])
    mask = torch.zeros(1, 4) > 0
    with pytest.raises(UsageError, match=r"pe-av needs a picture; .*evidence=audio"):
        encoder.encode(
            torch.zeros(1, 4, 3, 32, 32), mask, torch.zeros(1, HOP), torch.ones(1, HOP) > 0
        )


def test_a_wrong_model_is_one_line(tiny: tuple[str, Any], tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "clip", "text", "clip")
    with pytest.raises(UsageError, match="is of the family 'clip', and for joint evidence"):
        pe_av(model=str(tmp_path / "clip"))
    with pytest.raises(UsageError, match=r"pe-av-base: its commit is not known; write .*@COMMIT"):
        pe_av(model="facebook/pe-av-base")
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    for path in Path(tiny[0]).iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    weights = load_file(broken / "model.safetensors")
    del weights["audio_video_head.proj.weight"]
    save_file(weights, broken / "model.safetensors")
    with pytest.raises(DataError, match=r"lacks 1 weights .*audio_video_head\.proj"):
        pe_av(model=str(broken))


@pytest.mark.parametrize("evidence", ["video", "audio"])
def test_models_of_one_evidence_are_read_alone(
    tiny: tuple[str, Any], items: tuple[Frames, Audio], tmp_path: Path, evidence: str
) -> None:
    model = getattr(tiny[1], f"{evidence}_model")
    model.save_pretrained(tmp_path)
    for path in Path(tiny[0]).iterdir():
        if not (tmp_path / path.name).exists():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    factory, source = {"video": (pe_av_video, items[0]), "audio": (pe_av_audio, items[1])}[evidence]
    vectors = []
    for folder in (tiny[0], str(tmp_path)):
        encoder = factory(model=folder)
        values = torch.from_numpy(encoder.prepare(source))[None]
        text = pe_av_text(model=folder, evidence=evidence)  # type: ignore[arg-type]
        ids = torch.from_numpy(text.prepare(TEXTS[0]))[None]
        with torch.inference_mode():
            clip = encoder.encode(values, torch.ones(values.shape[:2]) > 0).values
            vectors.append((clip, text.encode(ids, ids >= 0).values))
    for first, second in zip(*vectors, strict=True):
        assert torch.allclose(first, second, atol=1e-5)
    with pytest.raises(UsageError, match="for joint evidence this reads pe_audio_video"):
        pe_av(model=str(tmp_path))


def test_the_method_declares_the_evidence() -> None:
    for evidence, inputs in (
        ("joint", ("video", "audio")),
        ("video", ("video",)),
        ("audio", ("audio",)),
    ):
        method = perception_encoder.pe_av("pretrained", evidence=evidence)  # type: ignore[arg-type]
        assert list_declared_inputs(method)["video"] == inputs
        assert f"evidence={evidence}" in str(method.text)
    with pytest.raises(UsageError, match="not available at scale 'compact'"):
        perception_encoder.pe_av("compact")
    assert "pe-av" in {part.name for part in Registry().list_parts("method")}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs; a clip of the last one has no sound."""
    root = tmp_path_factory.mktemp("pe-av-clips")
    rows = make_clip_rows(list("abc"), "test")
    for index, row in enumerate(rows):
        waveform = (
            None if (row.pair, row.view) == ("c", "exo") else make_tone(1.0, 300 + 90 * index)
        )
        write_video(root / row.media, waveform=waveform, seed=index, seconds=1.0)
    write_table(root / CLIPS_TABLE, rows)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("evidence", ["joint", "video", "audio"])
def test_a_whole_run_is_verified(
    tiny: tuple[str, Any], clips: Path, tmp_path: Path, evidence: str
) -> None:
    command = CommandLine(tmp_path)
    method = ("--method", f"pe-av:model={tiny[0]},evidence={evidence}", "--scale", "pretrained")
    arguments = (*method, "--dataset", f"folder:path={clips}", "--set", "num_frames=4")
    tasks = ("--task", "eg2ex", "--task", "t2v")
    result = command("run", *arguments, *tasks, "--missing-audio", "mask", "--out", "runs")
    assert result.returncode == 0, result.stderr
    assert command("verify", "runs").returncode == 0


@pytest.mark.slow
def test_the_audit_says_that_picture_and_sound_matter(
    tiny: tuple[str, Any], clips: Path, tmp_path: Path
) -> None:
    command = CommandLine(tmp_path, columns=160)
    arguments = ("--dataset", f"folder:path={clips}", "--set", "num_frames=4")
    method = (f"pe-av:model={tiny[0]}", "--scale", "pretrained", "--missing-audio", "mask")
    result = command("audit", *method, *arguments)
    lines = [line.split() for line in result.stdout.splitlines()]
    verdicts = {tuple(words[:2]): " ".join(words[-2:]) for words in lines if len(words) > 6}
    moved = {"declared, used", "declared, weak"}
    assert {verdicts["video", "video"], verdicts["video", "audio"]} <= moved, result.stdout
    assert verdicts["text", "audio"] == "undeclared, unused"
