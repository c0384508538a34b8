"""Captioner `asr`: a real, tiny Whisper from disk, through transformers."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from pretrained_models import write_folder
from tiny_whisper import write_whisper

from egoexobench import testing
from egoexobench.cli import main
from egoexobench.errors import ModelUnavailableError, UsageError
from egoexobench.types import Audio
from egoexobench_plugins.asr import asr

pytestmark = pytest.mark.slow
RATE = 16_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("model") / "whisper")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of eleven pairs with sound."""
    splits = {"train": "abcdef", "val": "ghi", "test": "jk"}
    return write_folder(tmp_path_factory.mktemp("data") / "clips", splits)


def make_noise(seconds: float, seed: int = 0) -> Audio:
    values = 0.1 * np.random.default_rng(seed).standard_normal(round(RATE * seconds))
    return Audio(values.astype(np.float32), RATE)


def create_captioner(folder: Path, **options):
    return asr(model=str(folder), language="en", **{"no_speech": 1.0, "tokens": 12, **options})


def test_it_fulfills_the_contract(folder: Path) -> None:
    testing.check_captioner(create_captioner(folder))


def test_a_long_sound_is_the_text_of_its_windows_with_times_of_the_whole(folder: Path) -> None:
    """The second window of 40 s is what a sound of its own would give, 30 s later."""
    sound = make_noise(40)
    captioner = create_captioner(folder)
    parts = [sound.waveform[: 30 * RATE], sound.waveform[30 * RATE :]]
    first, second = captioner.transcribe(Audio(part, RATE) for part in parts)
    (joined,) = captioner.transcribe([sound])
    assert joined.text == f"{first.text} {second.text}"
    assert [word.text for word in joined.words[len(first.words) :]] == [
        word.text for word in second.words
    ]
    assert [word.start - 30 for word in joined.words[len(first.words) :]] == pytest.approx(
        [word.start for word in second.words]
    )
    assert "".join(word.text for word in joined.words) == joined.text.replace(" ", "")
    assert second.words[-1].end <= 10


def test_batches_and_their_borders_change_no_transcript(folder: Path) -> None:
    sounds = [make_noise(seconds, seed) for seed, seconds in enumerate((1, 65, 2, 31, 0.5))]
    expected = list(create_captioner(folder, batch=1).transcribe(sounds))
    assert list(create_captioner(folder, batch=3).transcribe(sounds)) == expected
    assert len(expected) == len(sounds)


def test_a_window_without_speech_gives_nothing(folder: Path) -> None:
    """A tiny model of random weights expects no speech with more than a millionth."""
    (transcript,) = create_captioner(folder, no_speech=1e-9).transcribe([make_noise(2)])
    assert (transcript.text, transcript.words) == ("", ())
    (transcript,) = create_captioner(folder).transcribe([make_noise(2)])
    assert transcript.text


def test_a_checkpoint_without_alignment_heads_gives_no_times(tmp_path: Path) -> None:
    captioner = create_captioner(write_whisper(tmp_path / "plain", has_word_times=False))
    (transcript,) = captioner.transcribe([make_noise(2)])
    assert transcript.text
    assert transcript.words == ()


def test_the_key_names_the_content_of_the_model_and_no_path(folder: Path, tmp_path: Path) -> None:
    copy = write_whisper(tmp_path / "copy")
    other = write_whisper(tmp_path / "other", seed=1)
    key = create_captioner(folder).key
    assert create_captioner(copy).key == key
    assert create_captioner(other).key != key
    assert create_captioner(folder, no_speech=0.5).key != key
    assert create_captioner(folder, batch=2).key == key


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"no_speech": 0}, "no_speech=0 of captioner 'asr' must be above 0 and at most 1"),
        ({"batch": 0}, "batch"),
        ({"tokens": 0}, "tokens"),
    ],
)
def test_an_option_that_is_not_valid_is_refused(folder: Path, options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_captioner(folder, **options)


def test_a_damaged_model_is_one_line(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path / "damaged")
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelUnavailableError) as caught:
        list(create_captioner(folder).transcribe([make_noise(1)]))
    assert "captioner 'asr'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a2summ_reads_transcripts_in_training_and_when_it_is_scored(
    folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No encoder of sound is built: what is said is all that is heard."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    method = f"a2summ:transcripts={folder}"
    arguments = ["run", "--method", method, "--dataset", f"folder:path={data}", "--task", "eg2ex"]
    arguments += ["--set", "epochs=1", "--out", str(tmp_path / "runs"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert record["method"]["declared_inputs"] == {
        "video": ["video", "audio"],
        "text": ["narration"],
    }
    assert "audio" not in {part["role"] for part in record["method"]["parts"]}
