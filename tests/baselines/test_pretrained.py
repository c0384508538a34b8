"""Methods of scale pretrained: encoders by name, on any folder of clips."""

import time
from pathlib import Path

import pytest
from command_line import CommandLine
from local_hub import serve_hub, use_hub
from pretrained_models import WRITERS, write_folder, write_models

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, ENCODER_ROLES, ROLES, Method
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.toolbox.model_pins import MODEL_PINS

REGISTRY = Registry()
TRAINED = (
    "soundbridge",
    "egoexo",
    "egoinstructor",
    "audio-only",
    "video-only",
    "tefal",
    "a2summ",
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    splits = {"train": "ab", "val": "c", "test": "d"}
    return write_folder(tmp_path_factory.mktemp("pretrained") / "clips", splits)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def list_arguments(name: str, models: Path, clips: Path) -> list[str]:
    method: Method = REGISTRY.create("method", name, "pretrained")
    overrides = write_models(method, models).items()
    settings = [text for role, spec in overrides for text in ("--set", f"{role}={spec}")]
    dataset = ["--dataset", f"folder:path={clips}"]
    return ["run", "--scale", "pretrained", "--method", name, *dataset, *settings]


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_differs_from_its_compact_scale_in_its_encoders_and_numbers(name: str) -> None:
    compact, pretrained = (
        REGISTRY.create("method", name, scale) for scale in ("compact", "pretrained")
    )
    for role in ROLES:
        first, second = getattr(compact, role), getattr(pretrained, role)
        assert (first is None) == (second is None)
        assert first == second or role in ENCODER_ROLES
    assert (pretrained.scale, pretrained.embed_dim, pretrained.num_layers) == ("pretrained", 256, 1)
    assert COMPACT_DEFAULTS.video not in (pretrained.video, pretrained.audio, pretrained.text)


@pytest.mark.parametrize("name", TRAINED)
def test_every_encoder_is_a_model_with_a_known_commit(name: str) -> None:
    method = REGISTRY.create("method", name, "pretrained")
    specs = [spec for role in ENCODER_ROLES if (spec := getattr(method, role))]
    for spec in specs:
        assert spec.partition("model=")[2] in MODEL_PINS
        assert spec.partition("model=")[2] in WRITERS


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_method_is_trained_and_scored_on_a_folder_of_a_few_pairs(
    name: str, models: Path, clips: Path, command: CommandLine
) -> None:
    result = command(*list_arguments(name, models, clips), "--set", "epochs=2")
    assert result.returncode == 0, result.stderr
    record = read_record(next((command.home / "runs").rglob("*.json")))
    assert record.method.scale == "pretrained"
    assert len(record.epochs) == 2
    assert {score.task for score in record.scores} >= {"eg2ex", "ex2eg", "t2v", "v2t"}


def test_one_training_pair_is_refused_in_one_line(
    models: Path, tmp_path: Path, command: CommandLine
) -> None:
    folder = write_folder(tmp_path / "three", {"train": "a", "val": "b", "test": "c"})
    result = command(*list_arguments("video-only", models, folder))
    assert result.returncode == 1
    assert "it needs 2 and 1" in result.stderr.splitlines()[-1]


def test_sound_alone_is_refused_in_one_line_where_no_clip_has_sound(
    models: Path, tmp_path: Path, command: CommandLine
) -> None:
    splits = {"train": "ab", "val": "c", "test": "d"}
    folder = write_folder(tmp_path / "silent", splits, silent="abcd")
    result = command(*list_arguments("audio-only", models, folder))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("egoexobench: 8 of 8 clips have no sound")


def test_weights_of_a_paper_are_refused_and_not_forgotten() -> None:
    with pytest.raises(UsageError, match="uses no weights at scale pretrained"):
        REGISTRY.create("method", "soundbridge:weights=w.pt", "pretrained")


def test_without_a_network_one_line_says_what_to_type_at_once(
    clips: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_hub(monkeypatch, "http://127.0.0.1:9", command.home / "hub")  # nothing listens there
    start = time.perf_counter()
    result = command("run", "--scale", "pretrained", "--method", "soundbridge:residual=none")
    assert time.perf_counter() - start < 6
    assert (result.returncode, len(result.stderr.splitlines())) == (1, 1)
    assert "laion/CLIP-ViT-B-16-laion2B-s34B-b88K@7288da5 is not on this machine" in result.stderr
    expected = "`egoexobench weights fetch 'soundbridge:residual=none' --scale pretrained`"
    assert expected in result.stderr


def test_a_gated_model_and_a_cut_file_are_one_line_each(
    models: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_models(REGISTRY.create("method", "video-only", "pretrained"), models)
    name = "laion/CLIP-ViT-B-16-laion2B-s34B-b88K"
    arguments = ("run", "--scale", "pretrained", "--method", "video-only")
    with serve_hub(commit=MODEL_PINS[name].commit) as hub:
        use_hub(monkeypatch, hub.endpoint, command.home / "hub")
        hub.repositories[name] = models / name
        hub.gated.add(name)
        gated = command(*arguments)
        hub.gated.clear()
        hub.cut.add("open_clip_model.safetensors")
        cut = command(*arguments)
        hub.cut.clear()
        fetched = command("weights", "fetch", "video-only", "--scale", "pretrained")
    assert "is gated: accept its license" in gated.stderr
    assert cut.returncode == gated.returncode == 1
    assert "video-only' --scale pretrained" in cut.stderr.splitlines()[-1]
    assert fetched.returncode == 0, fetched.stderr
    assert "7288da5" in fetched.stdout
