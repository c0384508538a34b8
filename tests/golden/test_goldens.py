"""A part loads every file of reference outputs strictly and reproduces it."""

from pathlib import Path

import golden_cases
import pytest
from golden_file import FOLDERS, VARIANT_MARK, list_golden_files, measure_difference, read_golden

pytestmark = pytest.mark.golden
PATHS = [path for folder in FOLDERS.values() for path in list_golden_files(folder)]


@pytest.mark.parametrize("variable", FOLDERS)
def test_the_folder_has_reference_outputs(variable: str) -> None:
    folder = FOLDERS[variable]
    if not folder.is_dir():
        pytest.skip(f"no reference outputs in {folder}; set {variable}")
    assert list_golden_files(folder)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_part_reproduces_every_output_of_the_file(path: Path) -> None:
    case = golden_cases.find_case(path.name)
    golden = read_golden(path)
    expected, outputs = case.expected(golden), case.compute(golden)
    assert expected, "a file without outputs"
    assert {label.partition(VARIANT_MARK)[0] for label in outputs} == expected.keys()
    for label, value in outputs.items():
        output, _, variant = label.partition(VARIANT_MARK)
        looser = [x for start, x in case.looser.items() if output.startswith(start) and not variant]
        difference = measure_difference(value, expected[output])
        print(f"{path.name} {label} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= max(looser, default=golden.tolerance), label


def test_a_file_without_a_case_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="no part reproduces 'unheard-of-a'"):
        golden_cases.find_case("unheard-of-a")


def test_the_longest_system_name_decides_the_case_of_a_file() -> None:
    assert golden_cases.find_case("egoexonce-a") is golden_cases.CASES["egoexonce"]
    assert golden_cases.find_case("egoexo-b") is golden_cases.CASES["egoexo"]
    assert (
        golden_cases.find_case("metrics-mcq20-ties-b") is golden_cases.CASES["metrics-mcq20-ties"]
    )
