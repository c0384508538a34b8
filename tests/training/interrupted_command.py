"""The command `egoexobench` in a process that ends itself in a step of the training.

The variable KILL is `RANK STEP SIGNAL`; the process does it in its first life alone.
"""

import os

from egoexobench.cli import main
from egoexobench.training import autosave
from egoexobench.training.pair_loss import PairLoss


def end_in_step(rank: str, step: int, number: int) -> None:
    compute, num_calls = PairLoss.compute, 0

    def compute_or_end(self: PairLoss, batch: list[int], num_steps: int) -> object:
        nonlocal num_calls
        num_calls += 1
        if (os.environ.get("RANK", "0"), num_calls) == (rank, step):
            os.kill(os.getpid(), number)
        return compute(self, batch, num_steps)

    PairLoss.compute = compute_or_end  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    if "KILL" in os.environ and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        first, second, third = os.environ["KILL"].split()
        end_in_step(first, int(second), int(third))
    if "SAVE" in os.environ:
        autosave.MIN_INTERVAL_S, autosave.MAX_SHARE = 0.0, float("inf")
    main(prog_name="egoexobench")
