"""Parts whose widths do not fit are refused with both widths, before anything is encoded."""

import pytest
from command_line import CommandLine

from egoexobench.errors import UsageError
from egoexobench.experiment.build import build_model, build_parts, resolve_method
from egoexobench.method import apply_overrides
from egoexobench.registry import Registry

REGISTRY = Registry()


def build(settings: dict[str, str], method: str = "soundbridge") -> None:
    resolved = resolve_method(
        REGISTRY, apply_overrides(REGISTRY.create("method", method, "compact"), settings), 0
    )
    build_model(build_parts(resolved))


UNPROJECTED = {"num_layers": "0", "project": "false"}
MEANS = {"video_fusion": "none", "text_fusion": "none", "anchor": "narration"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"objective": "none"}, "embed_dim=64 features, but audio tokens have 64 and video tokens"),
        (UNPROJECTED, "with project=false nothing maps them to it; set project=true"),
        (UNPROJECTED | MEANS, "but nothing to train: its encoders are frozen"),
        (
            UNPROJECTED | MEANS | {"text": "random-word-vectors:dim=32"},
            "ego videos have 256, exo videos have 256, texts have 32 features",
        ),
    ],
)
def test_parts_that_do_not_fit_are_told_in_one_line(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError) as error:
        build(settings)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_parts_that_fit_without_a_linear_map_are_accepted() -> None:
    build({"objective": "none", "video_fusion": "none", "text_fusion": "none"})
    build({"objective": "none", "embed_dim": "256", "audio": "logmel:mels=256"})
    build({}, method="logmel-neighbor")


def test_a_run_says_which_widths_do_not_fit(tmp_path, folder) -> None:
    result = CommandLine(tmp_path)(
        "run", "--method", "soundbridge", "--dataset", f"folder:path={folder}",
        "--set", "objective=none",
    )  # fmt: skip
    assert result.returncode == 2
    assert "with objective=none nothing maps them to it" in result.stderr
