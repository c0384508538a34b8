"""A fault in a part of each other kind is named; the parts are those that `plugin new` writes."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.scaffold.create import create_distribution

FAULTS = [
    # kind, text of its module, replacement, start of the reason
    (
        "dataset",
        "return hashlib.sha256(self._table.read_bytes()).hexdigest()[:16]",
        "return str(id(self))",
        "two of them, created with one seed, differ: the fingerprint, '",
    ),
    ("dataset", 'take=row["pair"]', 'take="kitchen"', "take 'kitchen' is in the splits train and"),
    ("dataset", "start=0.0", "start=-1.0", "clip '0/ego' starts at -1.0 s"),
    ("captioner", '"[hands] (rustling)"', '"rustling"', "'rustling' is not a closed caption"),
    (
        "answerer",
        "scores = tuple(-distance",
        "import random\n            scores = tuple(random.random()",
        "the same questions get other answers",
    ),
    (
        "fusion",
        "self.layer = nn.Linear(2 * width, width)",
        "self.layer = nn.Linear(2 * width, width)\n"
        "            generator = torch.Generator()\n"
        "            generator.seed()\n"
        "            nn.init.normal_(self.layer.weight, generator=generator)",
        "two of them, created with one seed, differ: weight 'layer.weight'; it draws random",
    ),
    ("scorer", "masked_fill(~is_real, -1.0)", "clone()", "alone: a score depends on other queries"),
    (
        "anchor",
        'return embeddings["exo_sound"], embeddings["exo_sound"]',
        'return embeddings["ego_sound"], embeddings["exo_sound"]',
        "it reads 'ego_sound', which is not in required_inputs",
    ),
    ("objective", ".clamp(min=0).mean()", ".clamp(min=0).mean(1)", "its loss has the shape (6,)"),
    (
        "method",
        'video="color-grid"',
        'video="color-gird"',
        "finding the encoder of the role video raised UsageError: unknown encoder 'color-gird'",
    ),
    (
        "tracker",
        "self.path = path",
        "self.path = path\n        import os\n        os.chdir('/')",
        "it changes the working folder from",
    ),
    ("launcher", "portions = 1", "portions = 0", "portions is 0; it must be 1 or more"),
]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda number: FAULTS[number][0])
def test_a_fault_of_a_part_is_named(number: int, tmp_path: Path) -> None:
    kind, old, new, reason = FAULTS[number]
    name = f"spoiled-{number}"
    folder = create_distribution(name, [kind], out=tmp_path / name)
    shutil.rmtree(folder / "tests")
    module = folder / "src" / name.replace("-", "_") / f"{kind}.py"
    source = module.read_text()
    assert old in source
    module.write_text(source.replace(old, new, 1))
    result = CommandLine(tmp_path)("plugin", "check", name, "--json")
    assert result.returncode == 1, result.stdout
    failures = [r for r in json.loads(result.stdout)["results"] if r["state"] == "failed"]
    assert [(failure["kind"], failure["check"]) for failure in failures] == [(kind, "contract")]
    assert failures[0]["reason"].startswith(reason), failures[0]["reason"]
