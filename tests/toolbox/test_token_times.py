import numpy as np
import pytest

from egoexobench.errors import UsageError
from egoexobench.toolbox.token_times import compute_token_times


def test_a_tube_has_the_mean_time_of_its_frames() -> None:
    times = np.array([0.0, 1.0, 2.0, 4.0])
    assert compute_token_times(times).tolist() == times.tolist()
    assert compute_token_times(times, step=2).tolist() == [0.5, 3.0]


@pytest.mark.parametrize("output", ["pooled", "cls", "patches", "tokens"])
def test_another_output_says_which_one_has_times(output: str) -> None:
    with pytest.raises(UsageError, match=f"output={output} gives no token .* output=frames"):
        compute_token_times(np.zeros(2), output=output)
