"""Every public metric has an example in its docstring, and the examples are true."""

import doctest
import inspect
from importlib import import_module

import pytest

METRIC_MODULES = (
    "ranks",
    "metrics",
    "classification",
    "linear_probe",
    "intervals",
    "significance",
    "retrieval",
)
WITHOUT_EXAMPLE = {
    "predict_logits": "shown in fit_linear_probe",
    "filter_answerable": "a step of score_retrieval",
    "score_ranked_queries": "a step of score_retrieval",
    "rank_queries": "a step of score_retrieval",
    "summarize_ranks": "a step of score_retrieval",
}


def list_public_functions(module):
    return {
        name: value
        for name, value in inspect.getmembers(module, inspect.isfunction)
        if value.__module__ == module.__name__ and not name.startswith("_")
    }


@pytest.mark.parametrize(
    "name", [*METRIC_MODULES, "answers", "arrays", "query_ranking", "reranking"]
)
def test_the_examples_of_a_module_are_true(name):
    result = doctest.testmod(import_module(f"egoexobench.evaluation.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("name", METRIC_MODULES)
def test_every_public_metric_has_an_example(name):
    for function, value in list_public_functions(
        import_module(f"egoexobench.evaluation.{name}")
    ).items():
        assert (">>>" in (value.__doc__ or "")) != (function in WITHOUT_EXAMPLE), function
