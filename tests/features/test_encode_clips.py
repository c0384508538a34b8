"""What is encoded, what is stored, and what becomes of clips that cannot be."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.data.decode import DecodedClip
from egoexobench.errors import DataError, MediaError
from egoexobench.features import encode_clips
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.progress import NullProgress
from egoexobench.types import Audio, Clip, Frames, Modality, Tokens


@dataclass
class Fake:
    """Gives what it is given."""

    modality: Modality
    frozen: bool = True
    dim: int = 3
    seen: list[str] = field(default_factory=list)

    def prepare(self, source: object) -> np.ndarray:
        if isinstance(source, str):
            self.seen.append(source)
            return np.full((len(source.split()), 3), len(source), np.float32)
        if isinstance(source, Audio):
            if len(source.waveform) < 2:
                raise DataError("the sound is too short")
            return np.full((2, 3), source.waveform[0], np.float32)
        return source.pixels[:, 0, 0].astype(np.float32)

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        return Tokens(values + 1, mask)


class Studio:
    """Films that are one number each, and a count of how often they were decoded."""

    def __init__(self, root: Path) -> None:
        self.root = root / "films"
        self.root.mkdir()
        self.cache = root / "cache"
        self.decoded: list[str] = []
        self.samplings: set[str] = set()

    def clips(self, count: int, start: float = 0.0) -> list[Clip]:
        made = []
        for i in range(count):
            path = self.root / f"{i}.mp4"
            path.write_text(str(i + 1))
            made.append(Clip(f"c{i}", "ego", str(path), start, start + 1, "", "t"))
        return made

    def decode(
        self, clip: Clip, num_frames: int, *, with_audio: bool, sampling: str
    ) -> DecodedClip:
        self.decoded.append(clip.id)
        self.samplings.add(sampling)
        value = float(Path(clip.media).read_text())
        if value < 0:
            raise MediaError("undecodable", f"{clip.media} is broken", clip.id)
        pixels = np.full((num_frames, 2, 2, 3), value, np.uint8)
        pictures = Frames(pixels, np.arange(num_frames, dtype=float)) if num_frames else None
        if not with_audio:
            return DecodedClip(pictures, None, "not_requested")
        if value == 9:
            return DecodedClip(pictures, None, "silent")
        samples = np.full(1 if value == 8 else 4, value, np.float32)
        return DecodedClip(pictures, Audio(samples, 16_000), "audible")

    def encode(self, clips: list[Clip], coders: dict[str, EncoderRunner], **more: object) -> dict:
        return dict(self.try_encode(clips, coders, **more).banks)

    def try_encode(self, clips: list[Clip], coders: dict[str, EncoderRunner], **more: object):
        return encode_clips.encode_clips(clips, coders, 2, self.cache, NullProgress(), **more)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    made = Studio(tmp_path)
    monkeypatch.setattr(encode_clips, "decode_clip", made.decode)
    return made


def both() -> dict[str, EncoderRunner]:
    return {"video": EncoderRunner(Fake("video"), "v"), "audio": EncoderRunner(Fake("audio"), "a")}


def test_a_clip_is_decoded_once_for_all_encoders_and_never_again(studio: Studio) -> None:
    clips = studio.clips(3)
    banks = studio.encode(clips, both())
    assert sorted(studio.decoded) == ["c0", "c1", "c2"]
    assert banks["video"].batch(["c1"]).values.tolist() == [[[3.0] * 3] * 2]
    assert banks["audio"].batch(["c2"]).values.tolist() == [[[4.0] * 3] * 2]
    again = studio.encode(clips, both())
    assert len(studio.decoded) == 3
    assert again["video"].index == banks["video"].index


def test_clips_of_the_same_span_of_the_same_content_are_decoded_once(studio: Studio) -> None:
    first, second = studio.clips(2)
    Path(second.media).write_bytes(Path(first.media).read_bytes())
    banks = studio.encode([first, second], both())
    assert studio.decoded == ["c0"]
    assert torch.equal(banks["video"].batch(["c0"]).values, banks["video"].batch(["c1"]).values)


def test_another_sampling_or_number_of_frames_is_encoded_apart(studio: Studio) -> None:
    clips, coders = studio.clips(1), {"video": EncoderRunner(Fake("video"), "v")}
    studio.encode(clips, coders)
    studio.encode(clips, coders, sampling="viclip")
    assert studio.samplings == {"egoexolearn", "viclip"}
    encode_clips.encode_clips(clips, coders, 5, studio.cache, NullProgress())
    assert len(studio.decoded) == 3
    sound = {"audio": EncoderRunner(Fake("audio"), "a")}
    studio.encode(clips, sound)
    studio.encode(clips, sound, sampling="viclip")  # a sound knows no frames
    assert len(studio.decoded) == 4


def test_a_broken_clip_stops_a_run_that_does_not_take_failures(studio: Studio) -> None:
    clips = studio.clips(3)
    Path(clips[1].media).write_text("-1")
    with pytest.raises(MediaError, match=r"clip c1: .* is broken"):
        studio.encode(clips, both())
    Path(clips[1].media).unlink()
    with pytest.raises(DataError, match="cannot read media file"):
        studio.encode(clips, both())


def test_broken_missing_and_unencodable_clips_are_named_and_the_rest_goes_on(
    studio: Studio,
) -> None:
    clips = studio.clips(10)
    Path(clips[1].media).write_text("-1")
    Path(clips[2].media).unlink()
    result = studio.try_encode(clips, both(), skip_failures=True)
    failed, banks = result.failures, result.banks
    assert failed.keys() == {"c1", "c2", "c7"}
    assert failed["c1"] == f"{clips[1].media} is broken"
    assert clips[2].media in failed["c2"]
    assert failed["c7"] == "the sound is too short"
    for bank in banks.values():
        assert list(bank.index) == ["c0", "c3", "c4", "c5", "c6", "c8", "c9"]
    assert banks["audio"].states.count("silent") == 1
    assert not banks["audio"].has("c8")
    # the pictures of a clip whose sound failed are not there either, so that banks agree
    assert "c7" not in banks["video"].index


def test_a_clip_that_fails_is_tried_again_and_no_row_of_it_was_kept(studio: Studio) -> None:
    clips = studio.clips(2)
    Path(clips[0].media).write_text("-1")
    studio.try_encode(clips, both(), skip_failures=True)
    Path(clips[0].media).write_text("5")
    result = studio.try_encode(clips, both(), skip_failures=True)
    assert result.failures == {}
    assert result.banks["video"].batch(["c0"]).values.unique().tolist() == [6.0]


def test_numbers_that_are_not_finite_are_not_stored(studio: Studio) -> None:
    clips = studio.clips(2)
    Path(clips[1].media).write_text("nan")
    sound = {"audio": EncoderRunner(Fake("audio"), "a")}
    with pytest.raises(DataError, match=r"clip c1: .* contain NaN or infinity"):
        studio.encode(clips, sound)
    result = studio.try_encode(clips, sound, skip_failures=True)
    assert list(result.failures) == ["c1"]
    assert list(result.banks["audio"].index) == ["c0"]


def test_what_was_committed_before_a_stop_is_not_decoded_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_clips, "ITEMS_PER_FILE", 2)
    monkeypatch.setattr(encode_clips.os, "cpu_count", lambda: 1)
    clips = studio.clips(9)
    Path(clips[7].media).write_text("-1")
    with pytest.raises(MediaError):
        studio.encode(clips, both())
    Path(clips[7].media).write_text("3")
    before = set(studio.decoded)
    studio.decoded.clear()
    studio.encode(clips, both())
    assert {"c0", "c1", "c2"} <= before - set(studio.decoded)
    assert set(studio.decoded) <= {f"c{i}" for i in range(3, 9)}


def test_a_trained_encoder_s_input_is_what_is_stored(studio: Studio) -> None:
    clips = studio.clips(2)
    frozen = studio.encode(clips, {"video": EncoderRunner(Fake("video"), "v")})["video"]
    trained = studio.encode(clips, {"video": EncoderRunner(Fake("video", frozen=False), "v")})[
        "video"
    ]
    names = ["c0", "c1"]
    assert torch.equal(trained.batch(names).values + 1, frozen.batch(names).values)


def test_a_text_is_encoded_once_and_none_is_a_masked_row(tmp_path: Path) -> None:
    encoder = Fake("text")
    texts = {"a": "one two", "b": None, "c": "one two", "d": "three"}
    bank = encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    assert sorted(encoder.seen) == ["one two", "three"]
    batch = bank.batch(list("abcd"))
    assert batch.mask.sum(1).tolist() == [2, 0, 2, 1]
    assert torch.equal(batch.values[0], batch.values[2])
    assert not bank.has("b")
    encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    assert len(encoder.seen) == 2


def test_where_no_text_is_there_rows_have_the_encoder_s_width(tmp_path: Path) -> None:
    bank = encode_clips.encode_texts({"a": None}, EncoderRunner(Fake("text"), "t"), tmp_path)
    assert bank.batch(["a"]).values.shape == (1, 1, 3)
