"""A data set with lists by rules of its own is run, verified, compared, answered and shown."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import CommandLine, CommandResult
from forged_bundle import ForgedBundle, copy_bundle
from plugin_factory import install_plugin

from egoexobench.verification.bundle import verify_bundle

PLUGIN = '''
from pathlib import Path

from egoexobench import hookimpl


@hookimpl
def register_datasets(register):
    register("own-lists", own_lists)


def own_lists(*, path: Path):
    """The clips of a folder with lists of several rules.

    Args:
        path: the folder.
    """
    from egoexobench.data.folder_dataset import FolderDataset

    return OwnLists(FolderDataset(path))


class OwnLists:
    POLICIES = {"eg2ex": ["sync-take", "async"], "ex2eg": ["sync-take", "sync-random"],
                "t2v": ["intra-video"]}
    VIEWS = {"eg2ex": ("ego", "exo"), "ex2eg": ("exo", "ego"), "t2v": ("ego", "ego")}
    versions = {"test": "second"}
    has_only_pair_texts = False

    def __init__(self, clips):
        self.inner = clips

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def list_policies(self, task):
        return self.POLICIES.get(task, ())

    def list_queries(self, split, task, policy):
        from egoexobench.types import Gallery, Query

        if split != "test" or policy == "sync-random":
            return []
        source, target = self.VIEWS[task]
        gallery = Gallery(tuple(f"{name}/{target}" for name in "mnop"))
        queries = [
            Query(f"{name}/{source}", gallery, (position,), name)
            for position, name in enumerate("mnop")
        ]
        return [*queries, queries[0]] if policy == "async" else queries

    def get_relevance(self, split):
        import numpy as np

        from egoexobench.types import Relevance

        if split != "test":
            return None
        values = [[1, 0.5, 0], [0, 1, 0.25], [0.5, 0, 0.25], [0, 1, 1]]
        clips = tuple(f"{name}/ego" for name in "mnop")
        return Relevance(clips, ("m", "n", "p"), np.array(values))

    def locate_list_queries(self, split, task, policy):
        return [f"lists.csv, row {number}" for number, _ in enumerate(
            self.list_queries(split, task, policy), 2)]
'''
KEYS = {
    ("eg2ex", "sync-take"),
    ("eg2ex", "async"),
    ("ex2eg", "sync-take"),
    ("association", "sync-take"),
}


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    home = tmp_path_factory.mktemp("home")
    (home / "plugins").mkdir()
    install_plugin(home / "plugins", "own_lists_lab", PLUGIN)
    return CommandLine(home, plugin_folder=home / "plugins")


def call(command_line: CommandLine, *arguments: str) -> CommandResult:
    done = command_line(*arguments)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def runs(command_line: CommandLine, folder: Path) -> list[Path]:
    records = []
    for method in ("soundbridge", "video-only"):
        call(
            command_line, "run", "--method", method, "--dataset", f"own-lists:path={folder}",
            "--set", "epochs=1", "--set", "embed_dim=16", "--out", f"runs/{method}",
        )  # fmt: skip
        (record,) = (command_line.home / "runs" / method).rglob("*.json")
        records.append(record)
    return records


def read_scores(record: Path) -> dict[tuple[str, str], dict]:
    scores = json.loads(record.read_text())["scores"]
    return {(item["task"], item["policy"]): item for item in scores}


def test_every_rule_has_a_track_of_its_own(runs: list[Path]) -> None:
    scores = read_scores(runs[0])
    assert scores.keys() >= KEYS
    assert all(scores[key]["track"]["lists"] == "second" for key in KEYS)
    assert len({scores[key]["track_fingerprint"] for key in KEYS}) == len(KEYS)


def test_a_rule_without_a_list_is_told(command_line: CommandLine, folder: Path) -> None:
    done = call(
        command_line, "run", "--method", "video-only", "--dataset", f"own-lists:path={folder}",
        "--set", "epochs=1", "--set", "embed_dim=16", "--task", "ex2eg", "--task", "v2t",
        "--out", "runs/told",
    )  # fmt: skip
    assert "no sync-random score of ex2eg: own-lists has no list of candidates" in done.stderr
    assert "no mcq20" not in done.stderr  # v2t has graded lists


def test_the_mean_of_both_directions_is_of_one_rule(runs: list[Path]) -> None:
    scores = read_scores(runs[0])
    parts = [scores[task, "sync-take"]["metrics"] for task in ("eg2ex", "ex2eg")]
    joined = scores["association", "sync-take"]
    assert joined["num_queries"] == 8
    values = [part["hit_rate_at_1"]["value"] for part in parts]
    assert joined["metrics"]["hit_rate_at_1"]["value"] == sum(values) / 2
    assert ("association", "async") not in scores  # ex2eg has no such list


def test_chance_and_hit_rates_are_those_of_the_list(runs: list[Path]) -> None:
    scores = read_scores(runs[0])
    short = scores["t2v", "intra-video"]["metrics"]
    assert "hit_rate_at_5" not in short
    assert short["hit_rate_at_1"]["chance"] == 25.0
    assert "hit_rate_at_5" in scores["eg2ex", "sync-take"]["metrics"]


def test_a_repeated_question_is_left_out_and_counted(runs: list[Path]) -> None:
    record = json.loads(runs[0].read_text())
    assert record["counts"]["num_unfair"] == {"repeated question": 1, "no answer": 1}
    assert read_scores(runs[0])["eg2ex", "async"]["num_queries"] == 4


def test_graded_relevance_has_tracks_of_its_own(runs: list[Path]) -> None:
    scores = read_scores(runs[0])
    text, video, joined = (scores[task, "multi-instance"] for task in ("t2v", "v2t", "text-video"))
    assert (text["num_queries"], video["num_queries"], joined["num_queries"]) == (3, 3, 6)
    for name in ("mir_map", "ndcg"):
        parts = [item["metrics"][name] for item in (text, video)]
        for field in ("value", "chance"):
            mean = sum(part[field] for part in parts) / 2
            assert joined["metrics"][name][field] == pytest.approx(mean)
        assert 0 < parts[0]["chance"] < 100
        assert joined["metrics"][name]["low"] < joined["metrics"][name]["value"]
    assert ("text-video", "gallery") not in scores


def raise_gain(rows: list[dict]) -> list[dict]:
    return [row | {"ndcg": 1.0} if "ndcg" in row else row for row in rows]


def raise_score(fields: dict) -> None:
    for score in fields["scores"]:
        parts = [score, *score["by_subset"].values()]
        for metrics in (part["metrics"] for part in parts if "ndcg" in part["metrics"]):
            metrics["ndcg"] |= {"value": 100.0, "high": 100.0}


def write_larger_values(bundle: ForgedBundle) -> None:
    bundle.edit_lines("ranks.jsonl", raise_gain)
    bundle.edit_record(raise_score)


def write_other_relevance(bundle: ForgedBundle) -> None:
    bundle.edit_tensors(
        "relevance.safetensors", lambda tensors, _: tensors["levels"].clamp_(min=0.3)
    )


def lower_chance(fields: dict) -> None:
    guesses = next(item for item in fields["references"] if item["name"] == "chance")
    for score in fields["scores"]:
        if score["policy"] == "multi-instance":
            score["metrics"]["mir_map"]["chance"] = 1.0
    for score in guesses["scores"]:
        if score["policy"] == "multi-instance":
            score["metrics"]["mir_map"] |= dict.fromkeys(("value", "low", "high", "chance"), 1.0)


FORGERIES: dict[str, tuple[Callable[[ForgedBundle], object], str]] = {
    "values": (write_larger_values, "where the embeddings give"),
    "relevance": (write_other_relevance, "track.content: it is not the hash of the queries"),
    "no relevance": (
        lambda bundle: bundle.drop_file("relevance.safetensors"),
        "no file of relevance",
    ),
    "chance": (
        lambda bundle: bundle.edit_record(lower_chance),
        "multi-instance.mir_map.chance: 1.0 in the record",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_numbers_of_graded_relevance_are_found(
    runs: list[Path], tmp_path: Path, name: str
) -> None:
    forge, fault = FORGERIES[name]
    bundle = copy_bundle(runs[0], tmp_path)
    assert verify_bundle(bundle.record).differences == ()
    forge(bundle)
    assert fault in " ".join(verify_bundle(bundle.record).differences)


def test_a_doctor_names_the_row_of_an_unfair_question(
    command_line: CommandLine, folder: Path
) -> None:
    report = call(command_line, "data", "doctor", f"own-lists:path={folder}").stdout
    assert "lists.csv, row 6: repeated question" in report


def test_records_are_verified_compared_and_shown_by_rule(
    runs: list[Path], command_line: CommandLine
) -> None:
    paths = [str(path) for path in runs]
    call(command_line, "verify", *paths)
    table = call(command_line, "compare", *paths).stdout
    assert "eg2ex async R@1" in table
    assert "ex2eg sync-take MRR" in table
    assert "v2t multi-instance mAP" in table
    board = call(command_line, "leaderboard", *paths, "--format", "md").stdout
    for title in (
        "Retrieval of the same moment among other moments of its take",
        "Retrieval of the same step in another take",
        "Choice among 5 clips of one video",
        "Retrieval with graded relevance (EPIC-KITCHENS-100)",
        "text-video nDCG %",
    ):
        assert title in board
    call(command_line, "site", "build", *paths, "--out", "site")
    pages = "".join(path.read_text() for path in (command_line.home / "site").rglob("*.html"))
    assert "sync-take" in pages


def test_lists_are_asked_and_their_answers_scored(
    command_line: CommandLine, folder: Path, runs: list[Path]
) -> None:
    dataset = f"own-lists:path={folder}"
    output = ("--policy", "async", "--out", "async.jsonl")
    call(command_line, "data", "questions", dataset, *output)
    _, *questions = map(json.loads, (command_line.home / "async.jsonl").read_text().splitlines())
    assert {question["policy"] for question in questions} == {"async"}
    lines = [
        json.dumps({"query": question["query"], "order": [3, 2, 1, 0]}) for question in questions
    ]
    (command_line.home / "answers.jsonl").write_text("\n".join(lines))
    call(
        command_line, "score", "--answers", "answers.jsonl", "--dataset", dataset,
        "--name", "theirs", "--evidence", "unknown", "--out", "answered",
    )  # fmt: skip
    (record,) = (command_line.home / "answered").rglob("*.json")
    assert read_scores(record).keys() == {("eg2ex", "async")}
    refused = command_line("data", "questions", dataset, "--policy", "sync-random", "--out", "x")
    assert refused.returncode == 2
    assert "choose from mcq20, gallery, sync-take, async" in refused.stderr
