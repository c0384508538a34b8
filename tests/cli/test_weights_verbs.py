"""`weights list`, `check` and `convert` as a user runs them."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from command_line import CommandLine, CommandResult
from fake_parts import MaliciousPickle

from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD
from egoexobench.checkpoints.release import CheckpointConsumer, PublishedCheckpoint
from egoexobench.registry import Registry
from egoexobench.toolbox import hub
from egoexobench.toolbox.checkpoint import read_state_dict

VIDEO_SPEC = (
    "timesformer:system=lavila,output=cls,project=16,image=32,patch=16,width=32,depth=1,heads=2"
)
TEXT_SPEC = "clip-text:width=8,heads=2,depth=1,project=16"
LARGER_VIDEO_SPEC = VIDEO_SPEC.replace("depth=1", "depth=2")


def run_weights(*arguments: str) -> CommandResult:
    return CommandLine(Path.cwd(), columns=200)("weights", *arguments)


@pytest.fixture(scope="module")
def published_state() -> dict[str, torch.Tensor]:
    """The state of a model under its published names: both towers, projections, temperature."""
    registry = Registry()
    video, text = (registry.create("encoder", spec) for spec in (VIDEO_SPEC, TEXT_SPEC))
    state = {
        name: tensor for name, tensor in video.state_dict().items() if name.startswith("visual.")
    }
    state["image_projection"] = video.state_dict()["projection.weight"]
    return state | dict(text.tower.state_dict()) | {"logit_scale": torch.ones(())}


@pytest.fixture(autouse=True)
def use_small_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """LaViLa at two sizes that a test can afford."""
    small, large = (
        PublishedCheckpoint(
            file=file,
            source=None,
            license=None,
            consumers=(CheckpointConsumer(video), CheckpointConsumer(TEXT_SPEC)),
            heads="video 2, text 2",
            ignored_keys=("logit_scale",),
        )
        for file, video in (("small.pth", VIDEO_SPEC), ("large.pth", LARGER_VIDEO_SPEC))
    )
    monkeypatch.setitem(CHECKPOINTS_BY_METHOD, "lavila", (large, small))


SaveFunction = Callable[..., str]


@pytest.fixture
def save_checkpoint(tmp_path: Path) -> SaveFunction:
    def write(content: object, name: str = "mine.pth") -> str:
        torch.save(content, tmp_path / name)
        return str(tmp_path / name)

    return write


def test_the_report_of_a_file_that_fits_adds_facts_that_no_shape_shows(
    published_state: dict, save_checkpoint: SaveFunction
) -> None:
    wrapped = {f"module.{name}": tensor.half() for name, tensor in published_state.items()}
    result = run_weights(
        "check", save_checkpoint({"epoch": 3, "state_dict": wrapped}), "--for", "lavila"
    )
    assert result.returncode == 0, result.stdout
    assert f"{len(published_state)} of them half precision" in result.stdout
    assert "metadata: epoch" in result.stdout
    assert "Attention heads: video 2, text 2. They cannot be read from the shapes." in result.stdout
    assert "Ignored, as expected: logit_scale." in result.stdout
    assert result.stdout.rstrip().endswith("It fits lavila.")


def test_the_name_of_a_release_decides_which_size_is_compared(
    published_state: dict, save_checkpoint: SaveFunction
) -> None:
    result = run_weights("check", save_checkpoint(published_state, "large.pth"), "--for", "lavila")
    assert result.returncode == 1
    assert "visual.blocks.1" in result.stdout
    assert (
        run_weights(
            "check", save_checkpoint(published_state, "small.pth"), "--for", "lavila"
        ).returncode
        == 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s | {"odd.weight": torch.ones(2)}, "1 unexpected (odd.weight)"),
        (
            lambda s: {k: v for k, v in s.items() if k != "ln_final.bias"},
            "1 missing (ln_final.bias)",
        ),
        (lambda s: s | {"image_projection": torch.ones(32, 8)}, "of another shape"),
        (lambda s: {k: v for k, v in s.items() if k.startswith("visual.")}, "missing"),
        (lambda s: {f"other.{k}": v for k, v in s.items()}, "missing"),
    ],
)
def test_tensors_that_do_not_fit_are_named_and_the_exit_code_is_1(
    published_state: dict,
    save_checkpoint: SaveFunction,
    change: Callable[[dict], dict],
    message: str,
) -> None:
    result = run_weights("check", save_checkpoint(change(published_state)), "--for", "lavila")
    assert result.returncode == 1
    assert message in " ".join(result.stdout.split())
    assert "It does not fit lavila" in result.stdout


def test_parts_can_be_named_instead_of_a_method(
    published_state: dict, save_checkpoint: SaveFunction
) -> None:
    file = save_checkpoint(published_state)
    assert run_weights("check", file, "--part", VIDEO_SPEC, "--part", TEXT_SPEC).returncode == 0
    alone = run_weights("check", file, "--part", VIDEO_SPEC)
    assert alone.returncode == 1
    assert "all parts together" in alone.stdout
    other = run_weights(
        "check", file, "--part", VIDEO_SPEC, "--part", TEXT_SPEC, "--option", "depth=2"
    )
    assert other.returncode == 1


def test_the_number_of_heads_is_not_in_a_file_so_the_verdict_is_the_same(
    published_state: dict, save_checkpoint: SaveFunction
) -> None:
    file, sixteen = save_checkpoint(published_state), TEXT_SPEC.replace("heads=2", "heads=8")
    assert run_weights("check", file, "--part", VIDEO_SPEC, "--part", sixteen).returncode == 0


def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path: Path, published_state: dict) -> None:
    complete = tmp_path / "whole.pth"
    torch.save(published_state, complete)
    (tmp_path / "cut.pth").write_bytes(complete.read_bytes()[:-999])
    (tmp_path / "text.pth").write_text("hello\n" * 99)
    (tmp_path / "text.safetensors").write_text("hello\n" * 99)
    (tmp_path / "empty.pth").touch()
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(MaliciousPickle()))
    torch.save({"state_dict": published_state, "cfg": MaliciousPickle()}, tmp_path / "evil.pth")
    (tmp_path / "folder.pth").mkdir()
    expected = {
        "cut.pth": "truncated or damaged",
        "text.pth": "nothing else is read",
        "text.safetensors": "not a complete safetensors file",
        "empty.pth": "it is empty",
        "pickle.pth": "nothing else is read",
        "evil.pth": "rejected: loading it would run",
        "folder.pth": "is a folder",
        "none.pth": "is missing",
        "notes.txt": "is missing",
    }
    for name, message in expected.items():
        for verb in (
            ["check", "{}", "--for", "lavila"],
            ["convert", "{}", str(tmp_path / "o.safetensors")],
        ):
            result = run_weights(*(word.format(tmp_path / name) for word in verb))
            assert result.returncode == 1, name
            assert message in result.stderr, name
            assert len(result.stderr.strip().splitlines()) == 1, name
    assert not Path("ran").exists()
    assert not (tmp_path / "o.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "x.pth"], "either --for METHOD or --part"),
        (
            ["check", "x.pth", "--for", "lavila", "--part", TEXT_SPEC],
            "either --for METHOD or --part",
        ),
        (["check", "x.pth", "--for", "lavilla"], "Did you mean 'lavila'"),
        (["list", "lavilla"], "Did you mean 'lavila'"),
        (["convert", "x.pth", "y.pth"], "must end with .safetensors"),
        (["check", "w.pth", "--part", "beat"], "Did you mean 'beats'"),
        (["check", "w.pth", "--part", "logmel"], "has no option 'weights'"),
        (["check", "w.pth", "--part", "beats:sice=tiny"], "Did you mean 'size'"),
        (["check", "w.pth", "--part", TEXT_SPEC, "--option", "dept=2"], "Did you mean 'depth'"),
    ],
)
def test_a_wrong_argument_exits_with_2_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.ones(1)}, "w.pth")
    result = run_weights(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert not result.stdout


def test_a_missing_vocabulary_gives_no_verdict_on_the_file(
    save_checkpoint: SaveFunction, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail_to_open(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "urlopen", fail_to_open)
    file = save_checkpoint({"weight": torch.ones(1)})
    for options in ((), ("--option", f"vocabulary={tmp_path}/absent.txt")):
        result = run_weights("check", file, "--part", "distilbert-text:depth=1", *options)
        assert result.returncode == 1
        assert not result.stdout
        assert "vocab" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_the_list_has_every_file_and_says_unknown_where_nothing_is_stated() -> None:
    everything = run_weights("list").stdout
    for releases in CHECKPOINTS_BY_METHOD.values():
        for release in releases:
            assert release.file in everything
    text = run_weights("list", "internvideo").stdout
    assert "license    unknown" in text
    assert "video 12, text 8" in text
    listed = json.loads(run_weights("list", "--json").stdout)
    assert listed["egovlp"][2]["md5"] == "7a3d3b"
    assert listed["frozen-in-time"][0]["license"] is None


def test_a_converted_file_fits_where_its_source_did(
    published_state: dict, save_checkpoint: SaveFunction, tmp_path: Path
) -> None:
    source, target = (
        save_checkpoint({"state_dict": published_state, "epoch": 2}),
        tmp_path / "mine.safetensors",
    )
    result = run_weights("convert", source, str(target))
    assert result.returncode == 0
    assert result.stdout.strip() == f"{target}: {len(published_state)} tensors"
    assert run_weights("check", str(target), "--for", "lavila").returncode == 0
    assert all(
        torch.equal(tensor, published_state[name])
        for name, tensor in read_state_dict(target).items()
    )
    again = run_weights("convert", source, str(target))
    assert again.returncode == 1
    assert "exists already" in again.stderr
