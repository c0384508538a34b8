"""Which clips are encoded and stored, and how clips that fail are reported."""

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.data.decode import DecodedClip
from egoexobench.data.frame_extras import NO_EXTRAS, FrameExtras
from egoexobench.errors import DataError, MediaError, NoticeWarning
from egoexobench.features import encode_clips, encode_queue, encoder_runner
from egoexobench.features.batch_plan import ENCODING_PLAN
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.progress import NullProgress
from egoexobench.toolbox.cores import count_cores
from egoexobench.types import Audio, Clip, Frames, Modality, Tokens


@dataclass
class FakeEncoder:
    """An encoder that returns its input plus one and records its texts."""

    modality: Modality
    frozen: bool = True
    dim: int = 3
    texts: list[str] = field(default_factory=list)

    def prepare(self, source: object) -> np.ndarray:
        if isinstance(source, str):
            self.texts.append(source)
            return np.full((len(source.split()), 3), len(source), np.float32)
        if isinstance(source, Audio):
            if len(source.waveform) < 2:
                raise DataError("the sound is too short")
            return np.full((2, 3), source.waveform[0], np.float32)
        return source.pixels[:, 0, 0].astype(np.float32)

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        return Tokens(values + 1, mask)


class FakeMedia:
    """Media files that contain one number each, and a list of the clips that were decoded."""

    def __init__(self, root: Path) -> None:
        self.root = root / "films"
        self.root.mkdir()
        self.cache = root / "cache"
        self.decoded: list[str] = []
        self.samplings: set[str] = set()
        self.extras: list[FrameExtras] = []

    def write_clips(self, count: int, start: float = 0.0) -> list[Clip]:
        clips = []
        for i in range(count):
            path = self.root / f"{i}.mp4"
            path.write_text(str(i + 1))
            clips.append(
                Clip(f"c{i}", "ego", str(path), start=start, end=start + 1, narration="", take="t")
            )
        return clips

    def decode(
        self,
        clip: Clip,
        num_frames: int,
        *,
        with_audio: bool,
        sampling: str,
        sample_rate: int = 16_000,
        extras: FrameExtras = NO_EXTRAS,
    ) -> DecodedClip:
        self.extras.append(extras)
        self.decoded.append(clip.id)
        self.samplings.add(sampling)
        value = float(Path(clip.media).read_text())
        if value < 0:
            raise MediaError("undecodable", f"{clip.media} is broken", clip.id)
        pixels = np.full((num_frames, 2, 2, 3), value, np.uint8)
        frames = Frames(pixels, np.arange(num_frames, dtype=float)) if num_frames else None
        if not with_audio:
            return DecodedClip(frames, None, "not_requested")
        if value == 9:
            return DecodedClip(frames, None, "silent")
        waveform = np.full(1 if value == 8 else 4, value, np.float32)
        return DecodedClip(frames, Audio(waveform, 16_000), "audible")

    def encode(
        self, clips: list[Clip], runners: dict[str, EncoderRunner], **options: object
    ) -> dict:
        return dict(self.encode_with_failures(clips, runners, **options).banks)

    def encode_with_failures(
        self, clips: list[Clip], runners: dict[str, EncoderRunner], **options: object
    ):
        return encode_clips.encode_clips(
            clips, runners, 2, root=self.cache, progress=NullProgress(), **options
        )


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMedia:
    fake_media = FakeMedia(tmp_path)
    monkeypatch.setattr(encode_clips, "decode_clip", fake_media.decode)
    return fake_media


def make_runners() -> dict[str, EncoderRunner]:
    return {
        "video": EncoderRunner(FakeEncoder("video"), "v"),
        "audio": EncoderRunner(FakeEncoder("audio"), "a"),
    }


def test_a_clip_is_decoded_once_for_all_encoders_and_never_again(media: FakeMedia) -> None:
    clips = media.write_clips(3)
    banks = media.encode(clips, make_runners())
    assert sorted(media.decoded) == ["c0", "c1", "c2"]
    assert banks["video"].batch(["c1"]).values.tolist() == [[[3.0] * 3] * 2]
    assert banks["audio"].batch(["c2"]).values.tolist() == [[[4.0] * 3] * 2]
    again = media.encode(clips, make_runners())
    assert len(media.decoded) == 3
    assert again["video"].index == banks["video"].index


def test_clips_of_the_same_span_of_the_same_content_are_decoded_once(media: FakeMedia) -> None:
    first, second = media.write_clips(2)
    Path(second.media).write_bytes(Path(first.media).read_bytes())
    banks = media.encode([first, second], make_runners())
    assert media.decoded == ["c0"]
    assert torch.equal(banks["video"].batch(["c0"]).values, banks["video"].batch(["c1"]).values)


def test_another_sampling_or_number_of_frames_is_encoded_apart(media: FakeMedia) -> None:
    clips, runners = media.write_clips(1), {"video": EncoderRunner(FakeEncoder("video"), "v")}
    media.encode(clips, runners)
    media.encode(clips, runners, sampling="viclip")
    assert media.samplings == {"egoexolearn", "viclip"}
    encode_clips.encode_clips(clips, runners, 5, root=media.cache, progress=NullProgress())
    assert len(media.decoded) == 3
    audio_only = {"audio": EncoderRunner(FakeEncoder("audio"), "a")}
    media.encode(clips, audio_only)
    media.encode(clips, audio_only, sampling="viclip")  # audio does not depend on the sampling
    assert len(media.decoded) == 4


def test_a_broken_clip_stops_a_run_that_does_not_skip_failures(media: FakeMedia) -> None:
    clips = media.write_clips(3)
    Path(clips[1].media).write_text("-1")
    with pytest.raises(MediaError, match=r"clip c1: .* is broken"):
        media.encode(clips, make_runners())
    Path(clips[1].media).unlink()
    with pytest.raises(DataError, match="cannot read media file"):
        media.encode(clips, make_runners())


def test_broken_missing_and_unencodable_clips_are_named_and_the_others_are_encoded(
    media: FakeMedia,
) -> None:
    clips = media.write_clips(10)
    Path(clips[1].media).write_text("-1")
    Path(clips[2].media).unlink()
    result = media.encode_with_failures(clips, make_runners(), skip_failures=True)
    failures, banks = result.failures, result.banks
    assert failures.keys() == {"c1", "c2", "c7"}
    assert failures["c1"] == f"{clips[1].media} is broken"
    assert clips[2].media in failures["c2"]
    assert failures["c7"] == "the sound is too short"
    for bank in banks.values():
        assert list(bank.index) == ["c0", "c3", "c4", "c5", "c6", "c8", "c9"]
    assert banks["audio"].states.count("silent") == 1
    assert not banks["audio"].has("c8")
    # the frames of a clip whose audio failed are excluded too: all banks have the same clips
    assert "c7" not in banks["video"].index


def test_a_clip_that_failed_has_no_stored_row_and_is_encoded_again(media: FakeMedia) -> None:
    clips = media.write_clips(2)
    Path(clips[0].media).write_text("-1")
    media.encode_with_failures(clips, make_runners(), skip_failures=True)
    Path(clips[0].media).write_text("5")
    result = media.encode_with_failures(clips, make_runners(), skip_failures=True)
    assert result.failures == {}
    assert result.banks["video"].batch(["c0"]).values.unique().tolist() == [6.0]


def test_damaged_tokens_are_encoded_again_and_the_line_names_the_file(media: FakeMedia) -> None:
    clips, runners = media.write_clips(3), {"video": EncoderRunner(FakeEncoder("video"), "v")}
    expected = media.encode(clips, runners)["video"]
    rows = {clip.id: expected.get(clip.id).copy() for clip in clips}
    (path,) = media.cache.glob("*/*.safetensors")
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    media.decoded.clear()
    with pytest.warns(NoticeWarning, match=f"{path} is damaged") as notes:
        again = media.encode(clips, runners)["video"]
    assert len(notes) == len(media.decoded) == 1
    assert all(np.array_equal(again.get(name), value) for name, value in rows.items())


def test_damaged_embeddings_of_texts_are_encoded_again(tmp_path: Path) -> None:
    encoder = FakeEncoder("text")
    texts = {"a": "one two", "b": "three"}
    expected = encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    rows = {name: expected.get(name).copy() for name in texts}
    (path,) = tmp_path.glob("*/*.safetensors")
    path.write_bytes(path.read_bytes()[:-50])
    encoder.texts.clear()
    with pytest.warns(NoticeWarning, match=f"{path} is damaged") as notes:
        again = encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    assert len(notes) == 1
    assert sorted(encoder.texts) == ["one two", "three"]
    assert all(np.array_equal(again.get(name), value) for name, value in rows.items())


def test_numbers_that_are_not_finite_are_not_stored(media: FakeMedia) -> None:
    clips = media.write_clips(2)
    Path(clips[1].media).write_text("nan")
    audio_only = {"audio": EncoderRunner(FakeEncoder("audio"), "a")}
    with pytest.raises(DataError, match=r"clip c1: .* contain NaN or infinity"):
        media.encode(clips, audio_only)
    result = media.encode_with_failures(clips, audio_only, skip_failures=True)
    assert list(result.failures) == ["c1"]
    assert list(result.banks["audio"].index) == ["c0"]


def test_clips_that_were_stored_before_an_interruption_are_not_decoded_again(
    media: FakeMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_clips, "ITEMS_PER_FILE", 2)
    runners = {name: replace(run, requested_batch=1) for name, run in make_runners().items()}
    clips = media.write_clips(9)
    Path(clips[7].media).write_text("-1")
    with pytest.raises(MediaError):
        media.encode(clips, runners)
    Path(clips[7].media).write_text("3")
    before = set(media.decoded)
    media.decoded.clear()
    media.encode(clips, runners)
    assert {"c0", "c1", "c2"} <= before - set(media.decoded)
    assert set(media.decoded) <= {f"c{i}" for i in range(3, 9)}


def test_clips_are_decoded_while_earlier_ones_are_encoded_and_wait_in_bounded_memory(
    media: FakeMedia,
) -> None:
    size, num_decoded = ENCODING_PLAN.size, []

    class WaitingEncoder(FakeEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            deadline = time.monotonic() + 20
            while len(media.decoded) < min(len(clips), 2 * size) and time.monotonic() < deadline:
                time.sleep(0.001)
            num_decoded.append(len(media.decoded))
            return super().encode(values, mask)

    clips = media.write_clips(4 * size)
    media.encode(clips, {"video": EncoderRunner(WaitingEncoder("video"), "v")})
    ahead = max(encode_clips.BATCHES_AHEAD * size, 2 * count_cores())
    assert len(num_decoded) == 4
    assert 2 * size <= num_decoded[0] <= size + ahead


@pytest.mark.parametrize("batch_size", [5, 100])
def test_the_requested_number_of_clips_is_encoded_at_once(
    batch_size: int, media: FakeMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class CountingEncoder(FakeEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            sizes.append(len(values))
            return super().encode(values, mask)

    monkeypatch.setattr(encode_clips, "ITEMS_PER_FILE", 10)
    clips = media.write_clips(12)
    runner = EncoderRunner(CountingEncoder("video"), "v", requested_batch=batch_size)
    bank = media.encode(clips, {"video": runner})["video"]
    assert sizes == ([5, 5, 2] if batch_size == 5 else [12])
    assert [bank.get(f"c{i}")[0, 0] for i in (0, 11)] == [2.0, 13.0]


def test_large_tokens_are_stored_before_the_next_forward_pass(
    media: FakeMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_queue, "LARGE_FILE_BYTES", 1)
    clips = media.write_clips(ENCODING_PLAN.size + 4)

    class StoppedEncoder(FakeEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            if len(values) < ENCODING_PLAN.size:
                raise KeyboardInterrupt
            return super().encode(values, mask)

    with pytest.raises(KeyboardInterrupt):
        media.encode(clips, {"video": EncoderRunner(StoppedEncoder("video"), "v")})
    media.decoded.clear()
    banks = media.encode(clips, {"video": EncoderRunner(FakeEncoder("video"), "v")})
    assert len(media.decoded) == 4
    assert [banks["video"].get(f"c{i}")[0, 0] for i in (0, 19)] == [2.0, 21.0]


def test_the_input_of_a_trained_encoder_is_stored(media: FakeMedia) -> None:
    clips = media.write_clips(2)
    frozen = media.encode(clips, {"video": EncoderRunner(FakeEncoder("video"), "v")})["video"]
    trained = media.encode(
        clips, {"video": EncoderRunner(FakeEncoder("video", frozen=False), "v")}
    )["video"]
    names = ["c0", "c1"]
    assert torch.equal(trained.batch(names).values + 1, frozen.batch(names).values)


def test_a_text_is_encoded_once_and_a_missing_text_is_a_masked_row(tmp_path: Path) -> None:
    encoder = FakeEncoder("text")
    texts = {"a": "one two", "b": None, "c": "one two", "d": "three"}
    bank = encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    assert sorted(encoder.texts) == ["one two", "three"]
    batch = bank.batch(list("abcd"))
    assert batch.mask.sum(1).tolist() == [2, 0, 2, 1]
    assert torch.equal(batch.values[0], batch.values[2])
    assert not bank.has("b")
    encode_clips.encode_texts(texts, EncoderRunner(encoder, "t"), tmp_path)
    assert len(encoder.texts) == 2


def test_rows_without_any_text_have_the_width_of_the_encoder(tmp_path: Path) -> None:
    bank = encode_clips.encode_texts({"a": None}, EncoderRunner(FakeEncoder("text"), "t"), tmp_path)
    assert bank.batch(["a"]).values.shape == (1, 1, 3)


def test_a_forward_pass_holds_one_view_in_an_order_of_its_own(media: FakeMedia) -> None:
    passes: list[list[float]] = []

    class RecordingEncoder(FakeEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            passes.append(values[:, 0, 0].tolist())
            return super().encode(values, mask)

    clips = media.write_clips(80)
    clips = [replace(clip, view="exo") if i % 2 else clip for i, clip in enumerate(clips)]
    bank = media.encode(clips, {"video": EncoderRunner(RecordingEncoder("video"), "v")})["video"]
    assert list(bank.index) == [clip.id for clip in clips]
    assert all(len({value % 2 for value in values}) == 1 for values in passes)
    order = [value for values in passes for value in values]
    ego, exo = order[:40], order[40:]
    assert sorted(ego) != ego
    num_same_rows = sum(first + 1 == second for first, second in zip(ego, exo, strict=True))
    assert num_same_rows <= 4


def test_each_encoder_gets_the_sound_at_its_own_rate(tmp_path: Path, folder: Path) -> None:
    class RateEncoder(FakeEncoder):
        """Tokens are the rate, the number of samples and 0."""

        def __init__(self, sample_rate: int) -> None:
            super().__init__("audio")
            if sample_rate != 16_000:
                self.sample_rate = sample_rate

        def prepare(self, source: object) -> np.ndarray:
            assert isinstance(source, Audio)
            return np.array([[source.sample_rate, len(source.waveform), 0]], np.float32)

    path = str(folder / "a-ego.mp4")
    clips = [Clip("c", "ego", path, start=0.0, end=0.5, narration="", take="t")]
    rates = (48_000, 16_000, 24_000)
    runners = {str(rate): EncoderRunner(RateEncoder(rate), "same") for rate in rates}
    runners["video"] = EncoderRunner(FakeEncoder("video"), "v")
    result = encode_clips.encode_clips(clips, runners, 2, root=tmp_path, progress=NullProgress())
    for rate in rates:
        assert result.banks[str(rate)].get("c").tolist() == [[rate + 1, rate // 2 + 1, 1]]


def test_another_sample_rate_is_another_store() -> None:
    encoder = FakeEncoder("audio")
    before = encoder_runner.cache_signature(EncoderRunner(encoder, "a"))
    assert "sample_rate" not in before  # stores of before keep their names
    encoder.sample_rate = 48_000
    after = encoder_runner.cache_signature(EncoderRunner(encoder, "a"))
    assert after == before | {"sample_rate": 48_000}


@dataclass
class ContextEncoder(FakeEncoder):
    """An encoder that reads an earlier frame and boxes."""

    context_step: int = 2
    reads_boxes: bool = True


def test_frames_are_decoded_once_for_encoders_that_read_the_same_of_a_clip(
    media: FakeMedia,
) -> None:
    clips = [replace(clip, boxes=clip.media) for clip in media.write_clips(2)]
    other = EncoderRunner(ContextEncoder("video", context_step=3, reads_boxes=False), "o")
    runners = {
        "audio": EncoderRunner(FakeEncoder("audio"), "a"),
        "video": EncoderRunner(ContextEncoder("video"), "v"),
        "video_exo": EncoderRunner(ContextEncoder("video"), "w"),
        "joint": other,
    }
    media.encode(clips, runners)
    assert sorted(media.decoded) == ["c0", "c0", "c1", "c1"]
    assert {extras.context_step for extras in media.extras} == {2, 3}
    assert {extras.boxes for extras in media.extras} == {None, clips[0].media, clips[1].media}


def test_other_boxes_are_another_clip_and_clips_without_boxes_keep_their_key(
    media: FakeMedia, tmp_path: Path
) -> None:
    (clip,) = media.write_clips(1)
    paths = [tmp_path / "first.npz", tmp_path / "second.npz"]
    for path in paths:
        path.write_text(path.stem)
    runners = {"video": EncoderRunner(ContextEncoder("video"), "v")}
    variants = [clip, *(replace(clip, boxes=str(path)) for path in paths)]
    keys = [media.encode_with_failures([item], runners).keys["c0"] for item in variants]
    assert len(set(keys)) == 3
    assert len(media.decoded) == 3
    content = encode_clips.hash_media_files([clip.media], media.cache).hashes[clip.media]
    assert keys[0] == encode_clips._hash_text(f"{content} {clip.start} {clip.end}")
    paths[0].unlink()
    with pytest.raises(DataError, match=r"first.npz"):
        media.encode([variants[1]], runners)


def test_long_clips_are_encoded_with_fewer_others(
    media: FakeMedia, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = media.write_clips(6)
    sizes: list[int] = []

    class CountingEncoder(FakeEncoder):
        def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
            sizes.append(len(values))
            return super().encode(values, mask)

    monkeypatch.setattr(encode_queue, "MAX_BATCH_BYTES", 2 * 2 * 3 * 4)  # two clips of two frames
    media.encode(clips, {"video": EncoderRunner(CountingEncoder("video"), "v")})
    assert sizes == [2, 2, 2]
