"""Names follow the rules of CONTRIBUTING; what breaks them today is counted and may only shrink."""

import ast
import json

import pytest
from name_rules import (
    ALLOWED_FILE,
    ParsedModule,
    RuleViolation,
    count_by_folder,
    find_violations,
    measure_shares,
    read_modules,
    split_words,
    sum_by_rule,
)

COMMAND = "python tests/name_rules.py"


@pytest.fixture(scope="module")
def modules() -> list[ParsedModule]:
    return read_modules()


@pytest.fixture(scope="module")
def violations(modules: list[ParsedModule]) -> list[RuleViolation]:
    return find_violations(modules)


@pytest.fixture(scope="module")
def allowed() -> dict[str, dict[str, dict[str, int]]]:
    return json.loads(ALLOWED_FILE.read_text())


def test_no_rule_is_broken_more_often_than_the_list_allows(
    violations: list[RuleViolation], allowed: dict[str, dict[str, dict[str, int]]]
) -> None:
    limits = sum_by_rule(allowed["counts"])
    for rule, count in sum_by_rule(count_by_folder(violations)).items():
        assert count <= limits[rule], f"{rule}; see `{COMMAND} FOLDER`"


def test_the_list_is_as_short_as_the_source_permits(
    violations: list[RuleViolation], allowed: dict[str, dict[str, dict[str, int]]]
) -> None:
    assert allowed["counts"] == count_by_folder(violations), f"run `{COMMAND} --update`"


def test_names_of_one_word_are_at_most_the_share_that_the_list_allows(
    modules: list[ParsedModule],
    violations: list[RuleViolation],
    allowed: dict[str, dict[str, dict[str, int]]],
) -> None:
    assert allowed["shares"] == measure_shares(modules, violations), f"run `{COMMAND} --update`"


BROKEN = {
    "def get_it(found): ...": "banned-word",
    "def get_it():\n    asked = 1": "banned-word",
    "for one in (): ...": "banned-word",
    "[one for one in ()]": "banned-word",
    "class Clip:\n    known: int": "banned-word",
    "def clip_rows(): ...": "verb",
    "def _told_rows(): ...": "verb",
    "import torch as t": "import-alias",
    "from egoexobench.types import Score as Told": "import-alias",
    "def train_optimiser(): ...": "spelling",
    "nearest_neighbours = 1": "spelling",
    "class LabelledClip: ...": "spelling",
    "from unittest.mock import patch": "mock",
    "rank_all(1, 2, 3, 4, 5)": "positional",
    "def rank(): ...": "one-word-function",
    "class Bank: ...": "one-word-class",
}
SOUND = (
    "def average_precision(): ...",
    "def hit_rate_at_k(): ...",
    "def is_frozen(): ...",
    "def track_to_dict(): ...",
    "class FeatureBank:\n    @property\n    def index(self): ...",
    "import numpy as np",
    "with_one = 1",
    "max(1, 2, 3, 4, 5)",
    'run_cli("list", "method", "a", "b", "--json")',
    "realistic = artificial = otherwise = precise = 1",
    "def soundbridge(scale): ...\nregister('soundbridge', soundbridge)",
)


def check_source(source: str, path: str = "egoexobench/data/clip_rows.py") -> set[str]:
    return {v.rule for v in find_violations([ParsedModule(path, ast.parse(source))])}


@pytest.mark.parametrize(("source", "rule"), BROKEN.items())
def test_a_broken_rule_is_named(source: str, rule: str) -> None:
    assert rule in check_source(source)


@pytest.mark.parametrize("source", SOUND)
def test_good_names_break_no_rule(source: str) -> None:
    assert check_source(source) == set()


def test_a_module_with_the_name_of_a_package_is_named() -> None:
    assert check_source("", "egoexobench/data/io.py") == {"module-name"}
    assert check_source("", "plugins/requests.py") == {"module-name"}


def test_a_name_may_stand_in_two_plugins_but_not_in_two_modules_of_one() -> None:
    tree = ast.parse("class VideoConfig: ...\ndef load_config(): ...")
    paths = ["plugins/beats/a.py", "plugins/beats/b.py", "plugins/clap/a.py"]
    violations = find_violations([ParsedModule(path, tree) for path in paths])
    assert {v.rule for v in violations} == {"unique-class", "unique-function"}
    assert {v.path for v in violations} == set(paths[:2])


def test_words_of_a_name_are_split_at_underscores_and_capitals() -> None:
    assert split_words("_num_frames") == ["num", "frames"]
    assert split_words("CLIPTextConfig") == ["clip", "text", "config"]
    assert split_words("VideoMAE") == ["video", "mae"]
