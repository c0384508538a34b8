"""A joint encoder in a whole run: what it gets, what is stored, what the audit says of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joint_parts
import numpy as np
import pytest
import torch
from fake_parts import make_part
from media_factory import make_clip_rows, make_tone, write_video

from egoexobench.audit.run import audit_method
from egoexobench.data.folder_dataset import CLIPS_TABLE, FolderDataset, write_table
from egoexobench.errors import DataError, PartError, UsageError
from egoexobench.experiment.build import build_parts, resolve_method
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.inputs import InputOptions, PreparedInputs, prepare_inputs
from egoexobench.experiment.run import run_experiment
from egoexobench.experiment.subset import select_usable
from egoexobench.method import (
    COMPACT_DEFAULTS,
    Method,
    apply_overrides,
    list_declared_inputs,
    make_encoder_method,
    method_to_dict,
)
from egoexobench.progress import NullProgress
from egoexobench.records.audit import Audit, list_failures
from egoexobench.records.schema import Record
from egoexobench.registry import Registry
from egoexobench.results.run_table import render_run_text
from egoexobench.spec import Spec
from egoexobench.testing import check_encoder
from egoexobench.verification.bundle import verify_bundle

SPLITS = {"train": "abcd", "val": "ef", "test": "ghij"}
WITHOUT_TRACK, SILENT = "g/ego", "h/exo"
FLAG = 3 * joint_parts.GRID**2 + joint_parts.BANDS + 1
"""Column of the tokens that is 1 for a clip without sound."""
JOINT = {"video": "none", "epochs": "1", "batch_size": "2"}


@pytest.fixture(scope="module")
def registry() -> Registry:
    result = Registry()

    def add_part(name: str, factory: Callable[..., Any], modality: Any = None) -> None:
        part = make_part(
            "encoder",
            name,
            factory,
            plugin="jointlab",
            module=joint_parts.__name__,
            modality=modality,
        )
        result.add_part(part)

    joint_parts.register_encoders(add_part)
    return result


@pytest.fixture(scope="module")
def clips_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of one second; a clip without a track, one with silence, one with a short sound."""
    root = tmp_path_factory.mktemp("joint")
    rows = [row for split, names in SPLITS.items() for row in make_clip_rows(list(names), split)]
    for index, row in enumerate(rows):
        seconds = 0.5 if row.pair == "i" else 1.0
        waveform = make_tone(seconds=seconds, hertz=200 + 150 * index)
        name = f"{row.pair}/{row.view}"
        if name == SILENT:
            waveform = np.zeros_like(waveform)
        write_video(
            root / row.media,
            waveform=None if name == WITHOUT_TRACK else waveform,
            seed=index,
            seconds=1.0,
        )
    write_table(root / CLIPS_TABLE, rows)
    return root


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def prepare_all(
    registry: Registry, folder: Path, method: Method, cache_dir: Path, **options: Any
) -> PreparedInputs:
    dataset = FolderDataset(folder)
    return prepare_inputs(
        dataset,
        select_usable(dataset, "joint", allow_missing=False),
        parts=build_parts(resolve_method(registry, method, 0)),
        options=InputOptions(cache_dir=cache_dir, **{"missing_audio": "mask", **options}),
        progress=NullProgress(),
    )


def make_config(folder: Path, joint: str, **settings: str) -> RunConfig:
    return RunConfig(
        Spec("video-only"),
        Spec("folder", {"path": str(folder)}),
        tasks=("eg2ex", "t2v"),
        overrides={**JOINT, "joint": joint, **settings},
        missing_audio="mask",
    )


@pytest.mark.parametrize("encoder", [joint_parts.ColorLoudness(), joint_parts.ColorLoudness(False)])
def test_right_encoders_keep_the_contract(encoder: joint_parts.ColorLoudness) -> None:
    check_encoder(encoder)


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        (joint_parts.HearsSilence(), "depends on padding|values that the mask leaves out"),
        (joint_parts.NeedsSound(), "raised ValueError: no sound"),
        (joint_parts.NotFinite(), "contains NaN"),
        (joint_parts.WithoutPrepare(), "has no method 'prepare_video'"),
    ],
)
def test_wrong_encoders_break_the_contract(encoder: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_encoder(encoder)


def test_a_reference_gets_frames_and_a_sound_or_none() -> None:
    encoder = joint_parts.ColorLoudness()
    sounds = []

    def encode_one(frames: Any, sound: Any) -> torch.Tensor:
        sounds.append(sound)
        video = torch.from_numpy(encoder.prepare_video(frames))[None]
        audio = torch.zeros(1, 1, joint_parts.BANDS)
        if sound is not None:
            audio = torch.from_numpy(encoder.prepare_audio(sound))[None]
        masks = [torch.ones(video.shape[:2]) > 0, torch.ones(audio.shape[:2]) > (sound is None)]
        return encoder.encode(video, masks[0], audio, masks[1]).values[0]

    check_encoder(encoder, reference=encode_one)
    assert sounds[-1] is None
    assert None not in sounds[:-1]
    with pytest.raises(AssertionError, match="not those of the reference"):
        check_encoder(encoder, reference=lambda *item: encode_one(*item) + 1)


def test_a_method_has_a_joint_encoder_or_others() -> None:
    for role in ("video", "audio"):
        other = {"video": "none", "audio": "none", role: "some"}
        with pytest.raises(UsageError, match=rf"joint=x and {role}; .* Add --set {role}=none"):
            apply_overrides(COMPACT_DEFAULTS, {"joint": "x", **other})
    with pytest.raises(UsageError, match=r"joint_inputs=video of .* needs a joint encoder"):
        apply_overrides(COMPACT_DEFAULTS, {"joint_inputs": "video"})


def test_what_a_joint_encoder_is_given_is_what_the_method_declares() -> None:
    method = make_encoder_method("joint", "x")
    declared = {
        name: list_declared_inputs(apply_overrides(method, {"joint_inputs": name}))["video"]
        for name in ("both", "video", "audio")
    }
    assert declared == {"both": ("video", "audio"), "video": ("video",), "audio": ("audio",)}
    assert method_to_dict(method)["joint_inputs"] == "both"
    assert not {"joint", "joint_inputs"} & method_to_dict(COMPACT_DEFAULTS).keys()


@pytest.mark.parametrize("trained", ["true", "false"])
def test_a_clip_without_sound_or_with_silence_reaches_the_encoder_without_sound(
    registry: Registry, clips_folder: Path, tmp_path: Path, trained: str
) -> None:
    method = make_encoder_method("joint", f"color-loudness:trained={trained}")
    features = prepare_all(registry, clips_folder, method, tmp_path).features
    assert features.without_sound == {WITHOUT_TRACK: "no_track", SILENT: "silent"}
    joint, sounds = features.joint, features.joint_audio
    assert joint is not None
    if sounds is None:
        silent = {name for name in joint.index if joint.get(name)[0, FLAG] == 1}
    else:
        silent = {name for name in joint.index if not sounds.has(name)}
        assert joint.dtype == np.uint8
        assert sounds.shape == (joint_parts.BANDS,)
    assert silent == {WITHOUT_TRACK, SILENT}


def test_the_policy_for_missing_sound_is_that_of_a_sound_encoder(
    registry: Registry, clips_folder: Path, tmp_path: Path
) -> None:
    method = make_encoder_method("joint", "color-loudness")
    with pytest.raises(DataError, match="2 of 20 clips have no sound, the first is g/ego"):
        prepare_all(registry, clips_folder, method, tmp_path, missing_audio="error")
    inputs = prepare_all(registry, clips_folder, method, tmp_path, missing_audio="skip")
    assert {pair.id for pair in inputs.pairs["test"]} == {"i", "j"}
    assert inputs.audio_states == {"audible": 18, "silent": 1, "no_track": 1}


def test_the_picture_alone_is_read_without_the_sound(
    registry: Registry,
    clips_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = make_encoder_method("joint", "color-loudness")
    method = apply_overrides(method, {"joint_inputs": "video"})

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("egoexobench.data.decode.decode_clip_audio", refuse)
    features = prepare_all(registry, clips_folder, method, tmp_path, missing_audio="error").features
    assert features.joint is not None
    assert all((rows[:, FLAG] == 1).all() for rows in features.joint.rows)
    assert not features.without_sound


def test_the_sound_alone_is_read_without_the_picture(
    registry: Registry, clips_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make_encoder_method("joint", "color-loudness")
    method = apply_overrides(method, {"joint_inputs": "audio"})
    monkeypatch.setattr("egoexobench.data.decode.decode_frames", None)
    features = prepare_all(registry, clips_folder, method, tmp_path).features
    assert features.joint is not None
    sizes = {name: len(features.joint.get(name)) for name in features.joint.index}
    assert {name for name, size in sizes.items() if not size} == {WITHOUT_TRACK, SILENT}
    assert features.joint.get("j/ego")[0, 3 * joint_parts.GRID**2] == 1  # no picture


def test_stored_tokens_are_those_of_one_choice_of_inputs(
    registry: Registry, clips_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trained in ("false", "true"):
        method = make_encoder_method("joint", f"color-loudness:trained={trained}")
        alone = apply_overrides(method, {"joint_inputs": "video"})
        for chosen in (method, alone):
            prepare_all(registry, clips_folder, chosen, tmp_path)
    monkeypatch.setattr("egoexobench.features.encode_clips.decode_clip", None)
    for trained in ("false", "true"):  # a second run decodes nothing
        method = make_encoder_method("joint", f"color-loudness:trained={trained}")
        inputs = prepare_all(registry, clips_folder, method, tmp_path)
        assert len(inputs.features.without_sound) == 2


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["true", "false"])
@pytest.mark.filterwarnings("ignore::egoexobench.errors.NoticeWarning")
def test_a_whole_run_has_a_record_that_proves_itself(
    registry: Registry, clips_folder: Path, tmp_path: Path, trained: str
) -> None:
    spec = f"color-loudness:trained={trained}"
    config = replace(make_config(clips_folder, spec), out=tmp_path)
    result = run_experiment(config, RunContext(registry, NullProgress()))
    record: Record = result.record
    assert record.method.declared_inputs.video == ("video", "audio")
    assert {part.role for part in record.method.parts} >= {"joint", "text"}
    assert (record.counts.num_silent, record.counts.num_without_track) == (1, 1)
    assert "1 silent, 1 without an audio track" in render_run_text(record)
    (path,) = tmp_path.rglob("*Z-seed0-????????.json")
    assert verify_bundle(path).differences == ()


@pytest.fixture(scope="module")
def audit(registry: Registry, clips_folder: Path) -> Callable[..., Audit]:
    def run_audit(joint: str, **settings: str) -> Audit:
        config = make_config(clips_folder, joint, **settings)
        return audit_method(config, RunContext(registry, NullProgress()))

    return run_audit


def read_verdicts(audit: Audit) -> dict[str, str]:
    return {swap.modality: swap.verdict for swap in audit.swaps if swap.embedding == "video"}


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["true", "false"])
def test_the_audit_says_that_both_inputs_matter(audit: Callable[..., Audit], trained: str) -> None:
    result = audit(f"color-loudness:trained={trained}")
    assert result.passed, list(list_failures(result))
    verdicts = read_verdicts(result)
    assert {verdicts["video"], verdicts["audio"]} <= {"used", "weak"}
    assert {check.change for check in result.invariances} >= {"nudge", "files"}


@pytest.mark.slow
def test_the_audit_finds_an_encoder_that_ignores_the_sound(audit: Callable[..., Audit]) -> None:
    result = audit("joint-deaf")
    assert read_verdicts(result)["audio"] == "ignored"
    assert not result.passed
    assert any("audio is declared" in line for line in list_failures(result))


@pytest.mark.slow
def test_an_input_that_is_left_out_is_neither_declared_nor_used(
    audit: Callable[..., Audit],
) -> None:
    verdicts = read_verdicts(audit("color-loudness", joint_inputs="video"))
    assert (verdicts["video"], verdicts["audio"]) == ("used", "unused")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"joint": "color-grid"}, "'color-grid' reads video, and the role 'joint' takes an enc"),
        (
            {"joint": "none", "video": "color-loudness"},
            "reads picture and sound together, and the role 'video' takes",
        ),
    ],
)
def test_an_encoder_of_another_modality_is_refused(
    registry: Registry, clips_folder: Path, settings: dict[str, str], said: str
) -> None:
    config = make_config(clips_folder, **settings)
    with pytest.raises(UsageError, match=said):
        run_experiment(config, RunContext(registry, NullProgress()))


@pytest.mark.parametrize(
    ("joint", "said"),
    [
        ("joint-withoutprepare", "so it needs prepare_video and prepare_audio"),
        ("joint-saysvideo", "has the modality 'video', so it needs prepare"),
    ],
)
def test_a_wrong_encoder_stops_the_run_and_is_named(
    registry: Registry, clips_folder: Path, joint: str, said: str
) -> None:
    with pytest.raises((PartError, UsageError), match=said):
        run_experiment(make_config(clips_folder, joint), RunContext(registry, NullProgress()))


def test_tokens_that_are_not_finite_stop_the_run(registry: Registry, clips_folder: Path) -> None:
    with pytest.raises(DataError, match="NaN or infinity"):
        run_experiment(
            make_config(clips_folder, "joint-notfinite"), RunContext(registry, NullProgress())
        )
