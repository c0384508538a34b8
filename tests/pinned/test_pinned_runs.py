"""The numbers of a small run of every method are pinned to the last digit.

What is compact runs without published weights. The pinned file names nothing of a record: a
renamed field or metric changes `summarize_score` and `PINNED_NAMES` alone, and no number.

Kernels for another processor round differently, which can move the rank of a query. So each method
names the processor that made its numbers (`processors.json`). On another one they may differ by a
few queries, and `--update-pinned` leaves them as they are while they do; the shortcuts, which train
nothing, stay exact.
"""

import json
from collections.abc import Callable
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.errors import UsageError
from egoexobench.records.processor import get_instruction_set, read_processor_field
from egoexobench.registry import Registry

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent

DATASET = "synthetic:train=12,val=4,test=24"
SETTINGS = ("--set", "epochs=2", "--set", "embed_dim=16")

SMALLER_OPTIONS = {"logmel-neighbor": "tokens=2"}
"""Options of methods whose long embeddings would make the linear probe slow."""

PINNED_NAMES: dict[str, str] = {
    "hit_rate_at_1": "top1",
    "hit_rate_at_5": "top5",
    "hit_rate_at_10": "top10",
    "recall_at_5": "recall5",
    "both-views": "either",
}
"""Name of a metric, task, policy or row today to its name in the pinned file, where they differ."""

Summary = dict[str, dict[str, list[float | None]]]


@pytest.fixture(scope="session")
def run_command(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """The command line as a function that returns the JSON it prints; all calls share a cache."""
    home = tmp_path_factory.mktemp("pinned")

    def run(*arguments: str) -> Any:
        with chdir(home):
            outcome = CliRunner().invoke(
                main,
                [*arguments, "--dataset", DATASET, "--json"],
                env={"EGOEXOBENCH_CACHE": str(home / "cache")},
                catch_exceptions=False,
            )
        assert outcome.exit_code == 0, outcome.stderr
        return json.loads(outcome.stdout)

    return run


def test_a_run_of_every_method_has_its_pinned_numbers(
    run_command: Callable[..., Any], read_pinned: Callable[[str, str], str]
) -> None:
    current = {
        method: summarize_scores(
            run_command("run", "--method", _build_spec(method), *SETTINGS)["scores"]
        )
        for method in _list_compact_methods()
    }
    processor = describe_processor()
    metrics, processors = _leave_unmoved(current, processor)
    pinned = json.loads(read_pinned("metrics.json", _write_json(metrics)))
    processors = json.loads(read_pinned("processors.json", json.dumps(processors, indent=1) + "\n"))
    assert current.keys() == pinned.keys() == processors.keys()
    for method, summary in current.items():
        if processors[method] == processor:
            assert summary == pinned[method], method
        else:
            _check_almost_equal(summary, pinned[method], method)


def test_almost_equal_numbers_differ_by_a_few_queries_alone() -> None:
    pinned = {"eg2ex": {"top1": [50.0, 40.0, 60.0, 5.0], "n, clusters, candidates": [24, 24, 20]}}
    _check_almost_equal(
        {"eg2ex": {"top1": [54.2, 0.0, 99.0, 5.0], "n, clusters, candidates": [24, 24, 20]}},
        pinned,
        "moved",
    )
    for wrong in ([90.0, 40.0, 60.0, 5.0], [50.0, 40.0, 60.0, 6.0]):
        with pytest.raises(AssertionError):
            _check_almost_equal({"eg2ex": {**pinned["eg2ex"], "top1": wrong}}, pinned, "wrong")


def test_the_shortcuts_of_a_data_set_have_their_pinned_numbers(
    run_command: Callable[..., Any], read_pinned: Callable[[str, str], str]
) -> None:
    rows = run_command("sanity")["rows"]
    current = {rename_to_pinned(row["name"]): summarize_scores(row["scores"]) for row in rows}
    assert current == json.loads(read_pinned("sanity.json", _write_json(current)))


def rename_to_pinned(name: str) -> str:
    return PINNED_NAMES.get(name, name)


def summarize_scores(scores: list[dict[str, Any]]) -> Summary:
    """Task, policy and part, to metric, to value, low, high and chance."""
    summary: Summary = {}
    for score in scores:
        key = "/".join(rename_to_pinned(name) for name in (score["task"], score["policy"]) if name)
        summary[key] = summarize_score(score)
        for name, subset in score["by_subset"].items():
            summary[f"{key}/{rename_to_pinned(name)}"] = summarize_score(subset)
    return summary


def summarize_score(score: dict[str, Any]) -> dict[str, list[float | None]]:
    numbers: dict[str, list[float | None]] = {
        rename_to_pinned(name): [
            metric["value"],
            metric["low"],
            metric["high"],
            metric["chance"],
        ]
        for name, metric in score["metrics"].items()
    }
    numbers["n, clusters, candidates"] = [
        score["num_queries"],
        score["num_clusters"],
        *score["candidate_range"],
    ]
    return numbers


def _list_compact_methods() -> list[str]:
    """Our own methods that come at compact scale."""
    registry = Registry()
    parts = [
        part for part in registry.list_parts("method") if part.distribution.name == "egoexobench"
    ]
    methods = []
    for part in parts:
        with suppress(UsageError):
            registry.create("method", part.name, "compact")
            methods.append(part.name)
    return methods


def _build_spec(method: str) -> str:
    return ":".join(filter(None, (method, SMALLER_OPTIONS.get(method))))


def _leave_unmoved(
    current: dict[str, Summary], processor: str
) -> tuple[dict[str, Summary], dict[str, str]]:
    """Numbers and processor of each method, as stored where only the processor explains a move."""
    stored, processors = (
        json.loads((FOLDER / name).read_text()) for name in ("metrics.json", "processors.json")
    )
    metrics = dict(current)
    sources = dict.fromkeys(sorted(current), processor)
    for method in current.keys() & stored.keys():
        if processors[method] == processor:
            continue
        with suppress(AssertionError):
            _check_almost_equal(current[method], stored[method], method)
            metrics[method], sources[method] = stored[method], processors[method]
    return metrics, sources


def _check_almost_equal(summary: Summary, pinned: Summary, name: str) -> None:
    assert summary.keys() == pinned.keys(), name
    for track, numbers in summary.items():
        assert numbers.keys() == pinned[track].keys(), f"{name} {track}"
        for metric, row in numbers.items():
            if metric == "n, clusters, candidates":
                assert row == pinned[track][metric], f"{name} {track}"
                continue
            (value, *_, chance), (expected, *_, expected_chance) = row, pinned[track][metric]
            scale = {"mrr": 1.0, "median_rank": 24.0}.get(metric, 100.0)
            assert value == pytest.approx(expected, abs=0.2 * scale), f"{name} {track} {metric}"
            assert chance == expected_chance, f"{name} {track} {metric}"


def describe_processor() -> str:
    """What decides which kernels compute: instruction set, vendor and family."""
    vendor, family = (read_processor_field(name) for name in ("vendor_id", "cpu family"))
    return f"{get_instruction_set()} {vendor or 'unknown'} {family or 'unknown'}"


def _write_json(summaries: dict[str, Summary]) -> str:
    """JSON with one line for each metric, so that a diff shows which of them moved."""
    lines = []
    for name, summary in sorted(summaries.items()):
        tracks = []
        for track, metrics in sorted(summary.items()):
            numbers = [f"   {json.dumps(m)}: {json.dumps(v)}" for m, v in metrics.items()]
            tracks.append(f"  {json.dumps(track)}: {{\n" + ",\n".join(numbers) + "\n  }")
        lines.append(f" {json.dumps(name)}: {{\n" + ",\n".join(tracks) + "\n }")
    return "{\n" + ",\n".join(lines) + "\n}\n"
