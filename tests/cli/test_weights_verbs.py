"""`weights list`, `check` and `convert` as a person meets them."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from click.testing import CliRunner

from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD
from egoexobench.checkpoints.release import CheckpointConsumer, PublishedCheckpoint
from egoexobench.cli import main
from egoexobench.registry import Registry
from egoexobench.toolbox import hub
from egoexobench.toolbox.checkpoint import read_state_dict

VIDEO = "timesformer:system=lavila,output=cls,project=16,image=32,patch=16,width=32,depth=1,heads=2"
TEXT = "clip-text:width=8,heads=2,depth=1,project=16"
LARGER = VIDEO.replace("depth=1", "depth=2")


def call(*arguments: str) -> SimpleNamespace:
    done = CliRunner().invoke(main, ["weights", *arguments], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """A system's state under its published names: both towers, projections, temperature."""
    registry = Registry()
    video, text = (registry.create("encoder", spec) for spec in (VIDEO, TEXT))
    found = {name: one for name, one in video.state_dict().items() if name.startswith("visual.")}
    found["image_projection"] = video.state_dict()["projection.weight"]
    return found | dict(text.tower.state_dict()) | {"logit_scale": torch.ones(())}


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """LaViLa at two sizes that a test can afford."""
    small, large = (
        PublishedCheckpoint(
            file,
            None,
            None,
            (CheckpointConsumer(video), CheckpointConsumer(TEXT)),
            "video 2, text 2",
            ignored_keys=("logit_scale",),
        )
        for file, video in (("small.pth", VIDEO), ("large.pth", LARGER))
    )
    monkeypatch.setitem(CHECKPOINTS_BY_METHOD, "lavila", (large, small))


Save = Callable[..., str]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: object, name: str = "mine.pth") -> str:
        torch.save(content, tmp_path / name)
        return str(tmp_path / name)

    return write


def test_a_file_that_fits_is_told_with_what_no_shape_shows(published: dict, save: Save) -> None:
    wrapped = {f"module.{name}": one.half() for name, one in published.items()}
    done = call("check", save({"epoch": 3, "state_dict": wrapped}), "--for", "lavila")
    assert done.returncode == 0, done.stdout
    assert f"{len(published)} of them half precision" in done.stdout
    assert "metadata: epoch" in done.stdout
    assert "Attention heads: video 2, text 2. They cannot be read from the shapes." in done.stdout
    assert "Left alone, as is known: logit_scale." in done.stdout
    assert done.stdout.rstrip().endswith("It fits lavila.")


def test_the_name_of_a_release_decides_which_size_is_compared(published: dict, save: Save) -> None:
    done = call("check", save(published, "large.pth"), "--for", "lavila")
    assert done.returncode == 1
    assert "visual.blocks.1" in done.stdout
    assert call("check", save(published, "small.pth"), "--for", "lavila").returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
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
def test_what_does_not_fit_is_named_and_the_exit_code_is_1(
    published: dict, save: Save, change: Callable[[dict], dict], said: str
) -> None:
    done = call("check", save(change(published)), "--for", "lavila")
    assert done.returncode == 1
    assert said in " ".join(done.stdout.split())
    assert "It does not fit lavila" in done.stdout


def test_parts_can_be_named_instead_of_a_method(published: dict, save: Save) -> None:
    file = save(published)
    assert call("check", file, "--part", VIDEO, "--part", TEXT).returncode == 0
    alone = call("check", file, "--part", VIDEO)
    assert alone.returncode == 1
    assert "all parts together" in alone.stdout
    other = call("check", file, "--part", VIDEO, "--part", TEXT, "--option", "depth=2")
    assert other.returncode == 1


def test_heads_cannot_be_told_from_a_file_so_the_verdict_is_the_same(
    published: dict, save: Save
) -> None:
    file, sixteen = save(published), TEXT.replace("heads=2", "heads=8")
    assert call("check", file, "--part", VIDEO, "--part", sixteen).returncode == 0


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("ran",)


def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path: Path, published: dict) -> None:
    whole = tmp_path / "whole.pth"
    torch.save(published, whole)
    (tmp_path / "cut.pth").write_bytes(whole.read_bytes()[:-999])
    (tmp_path / "text.pth").write_text("hello\n" * 99)
    (tmp_path / "text.safetensors").write_text("hello\n" * 99)
    (tmp_path / "empty.pth").touch()
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"state_dict": published, "cfg": Evil()}, tmp_path / "evil.pth")
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
    for name, said in expected.items():
        for verb in (
            ["check", "{}", "--for", "lavila"],
            ["convert", "{}", str(tmp_path / "o.safetensors")],
        ):
            done = call(*(word.format(tmp_path / name) for word in verb))
            assert done.returncode == 1, name
            assert said in done.stderr, name
            assert len(done.stderr.strip().splitlines()) == 1, name
    assert not Path("ran").exists()
    assert not (tmp_path / "o.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "x.pth"], "either --for METHOD or --part"),
        (["check", "x.pth", "--for", "lavila", "--part", TEXT], "either --for METHOD or --part"),
        (["check", "x.pth", "--for", "lavilla"], "Did you mean 'lavila'"),
        (["list", "lavilla"], "Did you mean 'lavila'"),
        (["convert", "x.pth", "y.pth"], "must end with .safetensors"),
        (["check", "w.pth", "--part", "beat"], "Did you mean 'beats'"),
        (["check", "w.pth", "--part", "logmel"], "has no option 'weights'"),
        (["check", "w.pth", "--part", "beats:sice=tiny"], "Did you mean 'size'"),
        (["check", "w.pth", "--part", TEXT, "--option", "dept=2"], "Did you mean 'depth'"),
    ],
)
def test_a_wrong_word_exits_with_2_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.ones(1)}, "w.pth")
    done = call(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not done.stdout


def test_a_vocabulary_that_is_not_there_is_no_verdict_on_the_file(
    save: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "urlopen", unreachable)
    file = save({"weight": torch.ones(1)})
    for more in ((), ("--option", f"vocabulary={tmp_path}/absent.txt")):
        done = call("check", file, "--part", "distilbert-text:depth=1", *more)
        assert done.returncode == 1
        assert not done.stdout
        assert "vocab" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_the_list_has_every_file_and_says_unknown_where_nobody_said() -> None:
    everything = call("list").stdout
    for releases in CHECKPOINTS_BY_METHOD.values():
        for one in releases:
            assert one.file in everything
    told = call("list", "internvideo").stdout
    assert "license    unknown" in told
    assert "video 12, text 8" in told
    listed = json.loads(call("list", "--json").stdout)
    assert listed["egovlp"][2]["md5"] == "7a3d3b"
    assert listed["frozen-in-time"][0]["license"] is None


def test_a_converted_file_fits_where_its_source_did(
    published: dict, save: Save, tmp_path: Path
) -> None:
    source, target = save({"state_dict": published, "epoch": 2}), tmp_path / "mine.safetensors"
    done = call("convert", source, str(target))
    assert done.returncode == 0
    assert done.stdout.strip() == f"{target}: {len(published)} tensors"
    assert call("check", str(target), "--for", "lavila").returncode == 0
    assert all(torch.equal(one, published[name]) for name, one in read_state_dict(target).items())
    again = call("convert", source, str(target))
    assert again.returncode == 1
    assert "exists already" in again.stderr
