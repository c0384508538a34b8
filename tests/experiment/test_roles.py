"""An encoder that reads something else than its role is refused before any work."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

import egoexobench as ee
from egoexobench.errors import UsageError
from egoexobench.experiment.build import build_encoder, resolve_method
from egoexobench.method import COMPACT_DEFAULTS, ENCODER_ROLES, apply_overrides
from egoexobench.registry import PartFactory, Registry

SOURCE = Path(__file__).with_name("odd_encoders.py")
DATASET = "synthetic:train=8,val=4,test=24"
FITTING = {"audio": "beats, clap, ", "text": "clip-text, ", "video": "color-grid, "}
WRONG = [
    ("audio", "color-grid"),
    ("video", "logmel"),
    ("text", "videomae"),
    ("video_exo", "random-word-vectors"),
]


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    home = tmp_path_factory.mktemp("home")
    info = home / "oddlab-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: oddlab\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[egoexobench]\noddlab = odd_encoders\n")
    shutil.copy(SOURCE, home)
    yield CommandLine(home, columns=120, plugin_folder=home)
    sys.modules.pop("odd_encoders", None)


@pytest.mark.parametrize(("role", "name"), WRONG)
@pytest.mark.parametrize("command", [("run", "--method"), ("audit",), ("embed",)])
def test_a_command_lists_the_encoders_that_fit_the_role(
    command_line: CommandLine, command: tuple[str, ...], role: str, name: str
) -> None:
    out = ("--out", "e.safetensors") if command == ("embed",) else ()
    result = command_line(
        *command, "soundbridge", "--dataset", DATASET, "--set", f"{role}={name}", *out
    )
    assert result.returncode == 2
    assert f"{role}={name} does not fit" in result.stderr
    assert FITTING[ENCODER_ROLES[role]] in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (command_line.home / "cache" / "tokens").exists()


def test_python_names_the_argument() -> None:
    with pytest.raises(UsageError, match="argument 'set': audio=color-grid does not fit"):
        ee.run("audio-only", set={"audio": "color-grid"})


def test_a_sweep_refuses_a_wrong_encoder_before_it_starts_a_run(command_line: CommandLine) -> None:
    (command_line.home / "s.toml").write_text(
        f'schema_version = 1\ntable = 4\ntitle = "T"\nlabel = "Method"\nseeds = [0]\n'
        f'[[groups]]\nkey = "g"\nlabel = "G"\ndataset = "{DATASET}"\ncolumns = ["eg2ex"]\n'
        '[[rows]]\nkey = "r"\nlabel = "R"\nmethod = "audio-only"\n'
        'set = { audio = "color-grid" }\n'
    )
    result = command_line("sweep", "s.toml")
    assert result.returncode == 2
    assert "audio=color-grid does not fit" in result.stderr
    assert not (command_line.home / "runs").exists()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("audio=quiet-video", "encoder 'quiet-video' reads video"),
        ("video=smelling", "encoder 'smelling' of oddlab 0.3 has the unknown modality 'smell'"),
        ("video=smelling-declared", "'smelling-declared' of oddlab 0.3 has the unknown modality"),
        ("audio=two-faced", "is registered with modality='audio', but the encoder has"),
        ("video=without", "encoder 'without' of oddlab 0.3 has no attribute 'modality'"),
    ],
)
def test_an_encoder_of_a_third_party_is_checked_when_it_is_built(
    command_line: CommandLine, setting: str, reason: str
) -> None:
    result = command_line("run", "--method", "soundbridge", "--dataset", DATASET, "--set", setting)
    assert result.returncode in (1, 2)
    assert reason in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (command_line.home / "cache" / "tokens").exists()


def test_encoders_that_do_not_say_their_modality_are_named_beside_those_that_fit(
    command_line: CommandLine,
) -> None:
    result = command_line(
        "run", "--method", "soundbridge", "--dataset", DATASET, "--set", "video=logmel"
    )
    assert "registered without a modality: features, quiet-video" in result.stderr


def test_extract_takes_an_encoder_that_does_not_say_its_modality_and_refuses_an_unknown_one(
    command_line: CommandLine, folder: Path
) -> None:
    data = f"folder:path={folder}"
    result = command_line("extract", data, "--encoder", "quiet-video", "--out", "stores")
    assert result.returncode == 0, result.stderr
    result = command_line("extract", data, "--encoder", "smelling", "--out", "stores")
    assert result.returncode == 1
    assert "encoder 'smelling' of oddlab 0.3 has the unknown modality 'smell'" in result.stderr


REGISTRY = Registry()


@pytest.mark.parametrize("part", REGISTRY.list_parts("encoder"), ids=lambda part: part.name)
def test_every_encoder_of_the_toolkit_says_what_it_reads(part: PartFactory) -> None:
    assert part.modality in ENCODER_ROLES.values() or part.name == "features"


@pytest.mark.parametrize("name", ["color-grid", "logmel", "random-word-vectors", "beats:size=tiny"])
def test_what_an_encoder_says_is_what_it_reads(name: str) -> None:
    role = REGISTRY.get_factory("encoder", name.partition(":")[0]).modality
    assert role is not None
    resolved = resolve_method(REGISTRY, apply_overrides(COMPACT_DEFAULTS, {role: name}), 0)
    assert build_encoder(resolved, role).encoder.modality == role
