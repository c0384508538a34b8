"""Each fault of a plug-in is named: the part, the check and the reason."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from plugin_folder import write_plugin

ENCODE = "return Tokens(values, mask)"
PREPARE = "        return source.pixels"
CREATE = "    return Colors()"
IMPORT = "from egoexobench import Tokens, hookimpl"
REGISTER = '    register("colors", create, modality="video")'
FAULTS = {
    # name: (changes of the code, check, reason)
    "wrong-shape": (
        [(ENCODE, "return Tokens(values[..., :2], mask)")],
        "contract",
        "its tokens have the shape (3, 4, 2); it must be (B, T, dim) = (3, T, 3)",
    ),
    "not-a-number": (
        [(ENCODE, "return Tokens(values / 0, mask)")],
        "contract",
        "its tokens contains NaN or infinity",
    ),
    "reads-its-batch": (
        [(ENCODE, "return Tokens(values + values.mean(0, keepdim=True), mask)")],
        "contract",
        "alone: a token depends on the other clips of its batch",
    ),
    "remembers": (
        [
            (
                ENCODE,
                "self.last, last = values.mean(), self.last\n"
                "        return Tokens(values + last, mask)",
            ),
            ("    modality, frozen", "    last = 0.0\n    modality, frozen"),
        ],
        "contract",
        "the same batch gets other tokens in evaluation mode",
    ),
    "default-dtype": (
        [(CREATE, f"    import torch\n    torch.set_default_dtype(torch.float64)\n{CREATE}")],
        "contract",
        "it changes the default type of tensors from torch.float32 to torch.float64",
    ),
    "working-folder": (
        [(CREATE, f"    import os\n    os.chdir('/')\n{CREATE}")],
        "contract",
        "it changes the working folder from",
    ),
    "draws-while-it-reads": (
        [
            (
                PREPARE,
                f"        import numpy\n        self.shift = numpy.random.random()\n{PREPARE}",
            ),
            ('"float32") / 255', '"float32") / 255 + self.shift'),
        ],
        "contract",
        "prepare returns another array for the same source",
    ),
    "no-seed": (
        [
            (CREATE, "    import numpy\n    return Colors(numpy.random.default_rng().random())"),
            (
                "    def prepare",
                "    def __init__(self, shift):\n        self.shift = shift\n\n    def prepare",
            ),
            (ENCODE, "return Tokens(values + self.shift, mask)"),
        ],
        "contract",
        "two of them, created with one seed, differ: the tokens of one source",
    ),
    "import-error": (
        [(IMPORT, f"import no_such_library\n{IMPORT}")],
        "import",
        "plug-in 'import-error' was not loaded: ModuleNotFoundError: No module named "
        "'no_such_library'",
    ),
    "name-of-ours": (
        [('"colors", create', '"color-grid", create')],
        "import",
        "encoder 'color-grid' of plug-in 'name-of-ours' was not loaded: egoexobench 0.2.0 has a "
        "encoder of that name",
    ),
    "same-name-twice": (
        [(REGISTER, f"{REGISTER}\n{REGISTER}")],
        "contract",
        "two plug-ins register the encoder 'colors': 'same-name-twice' of same-name-twice 0.1 and",
    ),
    "heavy-import": (
        [(IMPORT, f"import numpy\n{IMPORT}")],
        "import",
        "the import of heavy_import imports numpy, for which every command waits",
    ),
    "slow-import": (
        [(IMPORT, f"import time\ntime.sleep(1.1)\n{IMPORT}")],
        "import",
        "the import of slow_import takes 1.",
    ),
    "prints": (
        [(PREPARE, f"        print('frame', 1)\n{PREPARE}")],
        "contract",
        "it prints to standard output: 'frame 1 frame 1",
    ),
    "prints-early": (
        [(IMPORT, f"print('hello')\n{IMPORT}")],
        "import",
        "the import of prints_early: it prints to standard output: 'hello'",
    ),
    "writes-a-file": (
        [(PREPARE, f"        open('cache.bin', 'wb').close()\n{PREPARE}")],
        "contract",
        "it writes cache.bin; a cache belongs below",
    ),
    "raises": (
        [(PREPARE, f"        [][3]\n{PREPARE}")],
        "contract",
        "prepare raised IndexError: list index out of range",
    ),
    "factory-ends": (
        [(CREATE, "    raise SystemExit(3)")],
        "contract",
        "its factory raised SystemExit: 3",
    ),
    "factory-returns-nothing": (
        [(CREATE, "    return None")],
        "contract",
        "its factory returned None; it must return the encoder",
    ),
    "wrong-example": (
        [('modality="video"', 'modality="video", example={"size": 3}')],
        "contract",
        "its example has the option 'size', which it does not take",
    ),
    "failing-example": (
        [('modality="video"', 'modality="video", example=lambda folder: 1 / 0')],
        "contract",
        "its example raised ZeroDivisionError: division by zero",
    ),
    "looks-around": (  # the narration of its clip is in a frame of the harness
        [(PREPARE, f"        import sys\n        sys._current_frames()\n{PREPARE}")],
        "audit",
        "a part searches all objects of the process with sys._current_frames while clips are",
    ),
    "noise-only": (
        [
            (
                PREPARE,
                f"        if source.pixels.std() < 60: raise ValueError('no noise')\n{PREPARE}",
            )
        ],
        "run",
        "encoder 'colors' of noise-only 0.1: ",
    ),
    "ignores-its-clip": (
        [(ENCODE, "return Tokens(values * 0 + 1, mask)")],
        "audit",
        "video is declared for video embeddings but ignored",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one cache, because two plug-ins run."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_part_and_its_check(name: str, home: Path) -> None:
    changes, check, reason = FAULTS[name]
    folder = write_plugin(home, name, *changes)
    result = CommandLine(home)("plugin", "check", str(folder), "--json")
    assert result.returncode == 1, result.stdout
    report = json.loads(result.stdout)
    failures = [item for item in report["results"] if item["state"] == "failed"]
    assert {item["check"] for item in failures} == {check}, failures
    assert {item["distribution"] for item in failures} == {f"{name} 0.1"}
    for failure in failures:
        assert failure["reason"].startswith(reason), failure["reason"]
        assert "\n" not in failure["reason"]


def test_a_part_without_an_example_is_not_checked_and_that_fails(home: Path) -> None:
    folder = write_plugin(home, "no-example", ("def create():", "def create(*, weights: str):"))
    result = CommandLine(home)("plugin", "check", str(folder))
    assert result.returncode == 1
    line = "not checked  encoder 'colors' of no-example 0.1, contract: option 'weights' has no"
    assert line in result.stdout
    assert "Parts: 1, of which 1 were not checked. Failed checks: 0." in result.stdout
