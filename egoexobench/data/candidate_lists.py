"""The queries that a data set defines: ``mcq20``, lists by rules of its own, graded relevance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.errors import PartError
from egoexobench.protocols import HasCandidateLists, HasRelevance
from egoexobench.types import GRADED_POLICY, OWN_LIST_POLICIES, TEXT_TASKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.protocols import Dataset
    from egoexobench.types import CandidatePolicy, Query, Split, Task


def list_own_policies(dataset: Dataset, task: Task) -> tuple[CandidatePolicy, ...]:
    """Return the policies of a retrieval task that this data set has, and not every one.

    Raises:
        PartError: if the data set names another policy than those of lists.
    """
    policies: tuple[CandidatePolicy, ...] = ()
    if isinstance(dataset, HasCandidateLists):
        policies = tuple(dict.fromkeys(dataset.list_policies(task)))
    if foreign := [name for name in policies if name not in OWN_LIST_POLICIES]:
        raise PartError(
            f"{type(dataset).__name__} lists candidates of {task} by policy {foreign[0]!r}; "
            f"choose from {', '.join(OWN_LIST_POLICIES)}"
        )
    if isinstance(dataset, HasRelevance) and task in TEXT_TASKS:
        policies = (*policies, GRADED_POLICY)
    return policies


def list_list_policies(dataset: Dataset, task: Task) -> tuple[CandidatePolicy, ...]:
    """Return the policies of a retrieval task by which the data set defines the queries.

    ``mcq20`` may have no query.
    """
    return ("mcq20", *list_own_policies(dataset, task))


def get_queries(
    dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy
) -> Sequence[Query]:
    """Return the queries as the data set lists them; none by a policy that it does not have."""
    if policy == "mcq20":
        return dataset.queries(split, task)
    if policy == GRADED_POLICY:
        from egoexobench.data.graded_queries import build_graded_queries  # it needs numpy

        return build_graded_queries(dataset, split, task)
    if isinstance(dataset, HasCandidateLists) and policy in list_own_policies(dataset, task):
        return dataset.list_queries(split, task, policy)
    return ()
