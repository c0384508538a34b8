"""A second run with a model by name opens no media, also when the encoder is built anew."""

from pathlib import Path

import numpy as np
import pytest
from media_factory import make_tone, write_video
from tiny_models import write_tiny_model

from egoexobench.data import open_media
from egoexobench.features.encode_clips import EncoderRunner, encode_clips
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.types import Clip

NUM_FRAMES = 4


def encode_once(folder: Path, clips: list[Clip], root: Path) -> np.ndarray:
    """The tokens of all clips, by encoders that are new."""
    registry = Registry()
    runners = {
        kind: EncoderRunner(registry.create("encoder", f"hf-{kind}:model={folder / kind}"), kind)
        for kind in ("video", "audio")
    }
    banks = encode_clips(clips, runners, NUM_FRAMES, root, progress=NullProgress()).banks
    return np.concatenate([banks[kind].get(clip.id).ravel() for kind in banks for clip in clips])


def test_a_second_run_opens_no_media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_model(tmp_path / "video", "video", "vjepa2")
    write_tiny_model(tmp_path / "audio", "audio", "wav2vec2")
    clips = []
    for index in range(3):
        path = write_video(tmp_path / f"{index}.mp4", waveform=make_tone(), seed=index)
        clips.append(
            Clip(
                id=str(index),
                view="ego",
                media=str(path),
                start=0.0,
                end=None,
                narration="",
                take="take",
            )
        )
    opened = []
    original = open_media.av.open

    def open_counted(name: str, *arguments: object, **options: object) -> object:
        opened.append(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(open_media.av, "open", open_counted)
    first = encode_once(tmp_path, clips, tmp_path / "cache")
    assert len(opened) >= len(clips)
    opened.clear()
    second = encode_once(tmp_path, clips, tmp_path / "cache")
    assert opened == []
    assert np.array_equal(first, second)
