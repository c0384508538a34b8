"""Every file of reference outputs is claimed by a part, loaded strictly and reproduced."""

import golden_cases
import golden_file
import pytest
from golden_file import AGAIN, FOLDER, distance

REASON = f"no reference outputs in {FOLDER}; set EGOEXOBENCH_GOLDENS"
pytestmark = [pytest.mark.golden, pytest.mark.skipif(not FOLDER.is_dir(), reason=REASON)]


@pytest.mark.parametrize("name", golden_file.names() or ["nothing"])
def test_a_part_claims_the_file_and_reproduces_every_output(name: str) -> None:
    claim = golden_cases.of(name)
    golden = golden_file.read(name)
    wanted, found = claim.wanted(golden), claim.found(golden)
    assert wanted, "a file without outputs"
    assert {label.partition(AGAIN)[0] for label in found} == wanted.keys()
    for label, one in found.items():
        output, _, again = label.partition(AGAIN)
        looser = [x for start, x in claim.looser.items() if output.startswith(start) and not again]
        difference = distance(one, wanted[output])
        print(f"{name} {label} {difference:.1e}")  # noqa: T201 - shown by -s
        assert difference <= max(looser, default=golden.tolerance), label


def test_a_file_that_no_part_claims_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="no part claims 'unheard-of-a'"):
        golden_cases.of("unheard-of-a")


def test_the_longest_system_name_claims_a_file() -> None:
    assert golden_cases.of("egoexonce-a") is golden_cases.CLAIMS["egoexonce"]
    assert golden_cases.of("egoexo-b") is golden_cases.CLAIMS["egoexo"]
    assert golden_cases.of("metrics-mcq20-ties-b") is golden_cases.CLAIMS["metrics-mcq20-ties"]
