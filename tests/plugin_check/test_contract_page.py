"""What the pages for authors say is held by tests; their code is that of `plugin new`."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from egoexobench.features.batch_plan import CUDA_BATCH_SIZE, ENCODING_PLAN
from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays
from egoexobench.part_results import PREPARED_DTYPES
from egoexobench.plugin_check.import_probe import MAX_SECONDS
from egoexobench.progress import QUIET_SECONDS, SILENT_SECONDS
from egoexobench.registry import PART_KINDS
from egoexobench.scaffold.create import create_distribution
from egoexobench.types import EMPTY_QUERY_RULES, Tokens

ROOT = Path(__file__).parents[2]
CONTRACT_PAGE, TUTORIAL = ROOT / "docs/plugin-contract.md", ROOT / "docs/write-a-plugin.md"
PAGE = CONTRACT_PAGE.read_text() if CONTRACT_PAGE.is_file() else ""
pytestmark = pytest.mark.skipif(not CONTRACT_PAGE.is_file(), reason="not a checkout")


class EncodeCall(NamedTuple):
    """What `encode` got, and the modes of torch in which it ran."""

    values: torch.Tensor
    mask: torch.Tensor
    is_inference: bool
    is_autocast: bool


class RecordingEncoder:
    """A frozen encoder that records its calls."""

    modality, frozen, dim = "video", True, 3

    def __init__(self) -> None:
        self.calls: list[EncodeCall] = []

    def encode(self, values: torch.Tensor, mask: torch.Tensor) -> Tokens:
        modes = torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")
        self.calls.append(EncodeCall(values, mask, *modes))
        return Tokens(values.float(), mask)


def join_words(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def list_references() -> list[tuple[str, str]]:
    """The tests that the page names."""
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


@pytest.mark.parametrize(("rule", "words"), EMPTY_QUERY_RULES.items())
def test_the_page_lists_what_a_row_without_a_query_gives(rule: str, words: str) -> None:
    assert f"| `{rule}` | {words} |" in PAGE


@pytest.mark.parametrize(("file", "name"), sorted(set(list_references())))
def test_the_test_behind_a_statement_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_kind_is_in_the_table_with_its_hook_and_its_check() -> None:
    rows = re.findall(r"^\| [\w ]+ \| `register_(\w+)s` .* `testing.check_(\w+)\(", PAGE, re.M)
    assert rows == [(kind, kind) for kind in PART_KINDS]


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"{ENCODING_PLAN.size} clips or texts on a CPU and {CUDA_BATCH_SIZE} on CUDA" in PAGE
    assert f"an array `(T, ...)` of {join_words(PREPARED_DTYPES)}," in PAGE
    assert f"lines after {QUIET_SECONDS:g} s, and at least one every {SILENT_SECONDS:g} s" in PAGE
    assert MAX_SECONDS == 1.0  # "at most a second"


def test_code_of_the_tutorial_is_that_of_a_new_plug_in(tmp_path: Path) -> None:
    folder = create_distribution("my-lab", ["encoder"], out=tmp_path / "my-lab")
    source = (folder / "src/my_lab/encoder.py").read_text()
    blocks = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert block in source


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("dtype", PREPARED_DTYPES)
def test_an_encoder_gets_what_the_page_says(dtype: str, precision: str) -> None:
    encoder = RecordingEncoder()
    arrays = [np.ones((1 + index % 3, 3), dtype) for index in range(ENCODING_PLAN.size + 2)]
    runner = EncoderRunner(encoder, "", precision=precision)
    list(encode_arrays(runner, [(array,) for array in arrays], ["seen"] * len(arrays)))
    assert [len(call.values) for call in encoder.calls] == [ENCODING_PLAN.size, 2]
    expected = torch.float32 if "float" in dtype else getattr(torch, dtype)
    for values, mask, is_inference, is_autocast in encoder.calls:
        assert values.dtype == expected
        assert mask.dtype == torch.bool
        assert not values[~mask].any()
        assert is_inference
        assert is_autocast == (precision != "fp32")
