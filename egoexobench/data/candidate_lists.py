"""The lists of candidates of a data set: ``mcq20``, and those by rules of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.errors import PartError
from egoexobench.protocols import HasCandidateLists
from egoexobench.types import OWN_LIST_POLICIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.protocols import Dataset
    from egoexobench.types import CandidatePolicy, Query, Split, Task


def list_own_policies(dataset: Dataset, task: Task) -> tuple[CandidatePolicy, ...]:
    """Return the policies of a retrieval task that this data set has, and not every one.

    Raises:
        PartError: if the data set names another policy than those of lists.
    """
    if not isinstance(dataset, HasCandidateLists):
        return ()
    policies = tuple(dict.fromkeys(dataset.list_policies(task)))
    if foreign := [name for name in policies if name not in OWN_LIST_POLICIES]:
        raise PartError(
            f"{type(dataset).__name__} lists candidates of {task} by policy {foreign[0]!r}; "
            f"choose from {', '.join(OWN_LIST_POLICIES)}"
        )
    return policies


def list_list_policies(dataset: Dataset, task: Task) -> tuple[CandidatePolicy, ...]:
    """Return the policies of the lists of a retrieval task; ``mcq20`` may have no list."""
    return ("mcq20", *list_own_policies(dataset, task))


def get_queries(
    dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy
) -> Sequence[Query]:
    """Return the queries as the data set lists them; none by a policy that it does not have."""
    if policy == "mcq20":
        return dataset.queries(split, task)
    if isinstance(dataset, HasCandidateLists) and policy in list_own_policies(dataset, task):
        return dataset.list_queries(split, task, policy)
    return ()
