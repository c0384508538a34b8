"""`submit`: what it writes is complete and accepted, and a wrong submission leaves nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from forged_bundle import ForgedBundle, copy_bundle

import egoexobench as ee
from egoexobench.errors import DataError, UsageError, WriteError
from egoexobench.leaderboard import submissions
from egoexobench.leaderboard.submission_card import SubmissionCard, read_card
from egoexobench.leaderboard.submissions import list_proof_hashes, read_submissions
from egoexobench.leaderboard.submit import WrittenSubmission, write_submission

FIELDS = {"license": "CC-BY-4.0", "training_data": "nothing", "authors": ["A. Lab"]}
MakeRecord = Callable[..., Path]
Submit = Callable[..., WrittenSubmission]


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_submission_is_the_files_of_the_record_and_its_card(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    submission = submit(bundle.record, paper="https://example.org/p_1")
    assert submission.folder == root / "submissions" / "acme-net"
    assert list_names(submission.folder) == {"card.json", *list_names(bundle.record.parent)}
    for path in bundle.record.parent.iterdir():
        assert (submission.folder / path.name).read_bytes() == path.read_bytes()
    assert read_card(submission.folder / "card.json") == SubmissionCard(
        method="mine",
        authors=("A. Lab",),
        paper="https://example.org/p_1",
        license="CC-BY-4.0",
        training_data="nothing",
        evidence=("video", "audio"),
        text_evidence=(),
    )
    (row,) = read_submissions(root)
    assert (row.submission, row.method.name, len(row.runs)) == ("acme-net", "mine", 1)
    assert row == submission.rows[0]
    assert len(repr(submission)) < 300  # a notebook shows it


def test_answers_are_accepted_as_well(
    make_record: MakeRecord, root: Path, submit: Submit, folder: Path, tmp_path: Path
) -> None:
    done = CommandLine(tmp_path)(
        *("data", "questions", f"folder:path={folder}", "--task", "eg2ex"),
        *("--policy", "gallery", "--out", "questions.jsonl"),
    )
    assert done.returncode == 0, done.stderr
    lines = map(json.loads, (tmp_path / "questions.jsonl").read_text().splitlines())
    answers = {line["query"]: {"order": []} for line in lines if "query" in line}
    options: dict[str, Any] = {"videos": None, "answers": answers, "evidence": "unknown"}
    record = make_record(7, **options, tasks=["eg2ex"], authors="B. Lab", text_evidence="unknown")
    fields = {"license": "MIT", "training_data": "unknown"}
    submission = write_submission([record], root / "submissions", fields)
    assert submission.folder.name == "mine"
    card = read_card(submission.folder / "card.json")
    assert (card.authors, card.evidence, card.text_evidence) == (("B. Lab",), (), ())
    (row,) = read_submissions(root)
    assert row.method.external is not None
    assert row.method.external.kind == "answers"


def test_seeds_of_embeddings_made_elsewhere_are_one_row(
    make_record: MakeRecord, root: Path, submit: Submit
) -> None:
    records = [make_record(20 + seed, seed=seed) for seed in range(3)]
    (row,) = submit(*records).rows
    assert [run.seed for run in row.runs] == [0, 1, 2]
    assert len({run.content for run in row.runs}) == 3
    (read_row,) = read_submissions(root)
    assert read_row == row


@pytest.mark.parametrize(
    ("numbers", "options", "message"),
    [
        ((30, 30), {}, "have the same embeddings, but the seeds . and .; one of them is a copy"),
        ((31, 32), {"evidence": "video"}, "the card says evidence video, audio"),
        ((33, 34), {"authors": "C. Lab"}, "different versions of the method"),
        ((35, 36), {"seed": 0}, "seed 0 differ in .* or score it again with another --name"),
    ],
)
def test_seeds_that_are_copies_or_make_other_claims_are_refused(
    make_record: MakeRecord,
    root: Path,
    submit: Submit,
    tmp_path: Path,
    numbers: tuple[int, int],
    options: dict[str, Any],
    message: str,
) -> None:
    first = make_record(numbers[0], out=tmp_path / "first")
    second = make_record(numbers[1], out=tmp_path / "second", **{"seed": 1, **options})
    with pytest.raises(DataError, match=message):
        submit(first, second)
    assert not root.exists()


def test_the_command_says_what_it_wrote_and_what_is_missing(
    bundle: ForgedBundle, tmp_path: Path
) -> None:
    command_line = CommandLine(tmp_path)
    (tmp_path / "card.toml").write_text(
        'authors = ["A. Lab", "B. Lab"]\nlicense = "mit"\ntraining_data = "our films"\n'
    )
    arguments = ("submit", "runs", "--to", "leaderboards/submissions")
    done = command_line(*arguments, "--author", "A. Lab")
    assert done.returncode == 2
    assert "the card lacks license, training_data: give --license, --training-data" in done.stderr
    done = command_line(*arguments, "--card", "card.toml", "--code", "https://example.org")
    assert done.returncode == 0, done.stderr
    assert "leaderboards/submissions/mine: verified records: 1, files: 6" in done.stdout
    card = json.loads((tmp_path / "leaderboards/submissions/mine/card.json").read_text())
    assert card["authors"] == ["A. Lab", "B. Lab"]
    assert (card["license"], card["code"]) == ("MIT", "https://example.org")
    assert command_line("leaderboard").returncode == 0
    done = command_line("leaderboard", "--check")
    assert done.stdout == "every table in leaderboards is up to date; verified submissions: 1\n"


def test_a_submission_of_that_name_is_never_overwritten(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    folder = submit(bundle.record).folder
    before = list_names(folder)
    with pytest.raises(DataError, match=r"acme-net already exists: choose another --name"):
        submit(bundle.record, license="MIT")
    assert list_names(folder) == before
    assert list_names(root / "submissions") == {"acme-net"}


@pytest.mark.parametrize("name", ["", "Acme", "a_b", "../a", "a/b", "-a", ".a", "a" * 65, "a\n"])
def test_a_name_that_is_no_folder_of_plain_letters_is_refused(
    bundle: ForgedBundle, root: Path, submit: Submit, name: str
) -> None:
    with pytest.raises(DataError, match="is no name of a submission"):
        submit(bundle.record, name=name)
    assert not root.exists()


def test_a_bundle_that_verify_refuses_leaves_nothing(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    bundle.edit_lines("ranks.jsonl", lambda rows: [row | {"cluster": "other"} for row in rows])
    with pytest.raises(DataError, match=r"cluster"):
        submit(bundle.record)
    assert not root.exists()


def test_a_record_without_embeddings_proves_nothing(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    bundle.drop_file("embeddings.safetensors")
    with pytest.raises(DataError, match=r"does not prove its scores: .*no embeddings"):
        submit(bundle.record)
    assert not root.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folder:path=/data/me/clips", "an absolute path, '/data/me/clips'"),
        (r"folder:path=C:\me\clips", "an absolute path"),
        ("folder:path=~ann/clips", "an absolute path"),
        ("folder:path=../home/ann/clips", "the name of a user, 'ann'"),
        ("folder:path=../ann/clips", "the name of a user, 'ann'"),
    ],
)
def test_a_path_or_a_user_in_a_record_is_refused_before_it_is_public(
    bundle: ForgedBundle, submit: Submit, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    bundle.edit_record(lambda fields: fields["command"].append(text))
    with pytest.raises(DataError, match="relative paths") as error:
        submit(bundle.record)
    assert message in str(error.value)


def test_large_files_are_refused(
    bundle: ForgedBundle, root: Path, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MAX_FILE_BYTES", 1000)
    with pytest.raises(DataError, match=r"bytes, .*at most 1000, 100663296 and 100 are accepted"):
        submit(bundle.record)
    assert not root.exists()


def test_two_seeds_are_one_row_and_two_methods_are_two_submissions(
    bundle: ForgedBundle, make_record: MakeRecord, submit: Submit
) -> None:
    with pytest.raises(DataError, match="are of different methods, 'mine' and 'theirs'"):
        submit(bundle.record, make_record(8, name="theirs"))
    with pytest.raises(DataError, match="two records have the same id"):
        submit(bundle.record, bundle.record)


def test_evidence_that_the_record_denies_is_refused(bundle: ForgedBundle, submit: Submit) -> None:
    with pytest.raises(DataError, match=r"card says evidence video, record .* video, audio"):
        submit(bundle.record, evidence=["video"])


def test_nothing_is_left_if_a_file_cannot_be_written(
    bundle: ForgedBundle, root: Path, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("shutil.copyfile", fail)
    with pytest.raises(WriteError, match="No space left on device"):
        submit(bundle.record)
    assert list_names(root / "submissions") == set()


def test_a_folder_that_cannot_be_written_is_said_before_the_verification(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    root.touch()
    bundle.drop_file("embeddings.safetensors")  # which the verification would refuse
    with pytest.raises(WriteError, match=r"acme-net: .*leaderboards is not a folder"):
        submit(bundle.record)


def test_a_field_is_missing(bundle: ForgedBundle, root: Path) -> None:
    with pytest.raises(UsageError, match="the card lacks authors, license, training_data"):
        write_submission([bundle.record], root, {})
    assert not root.exists()


@pytest.mark.slow
def test_the_process_without_plugins_verifies_a_submission(
    honest_record: Path, root: Path, submit: Submit, tmp_path: Path
) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    submit(copy_bundle(honest_record, copies).record)
    assert len(read_submissions(root)) == 1


def test_equal_embeddings_are_a_copy_only_without_the_scores_of_a_scorer() -> None:
    embeddings = {"a.embeddings.safetensors": "1", "a.ranks.jsonl": "2"}
    assert list_proof_hashes(embeddings) == ["1"]
    assert list_proof_hashes(embeddings | {"a.pair-scores.safetensors": "3"}) == ["3"]
    assert list_proof_hashes({"a.answers.jsonl": "4"}) == ["4"]


def _fail_to_verify(*_: Any, **__: Any) -> None:
    raise AssertionError("verifying takes long, and comes last")


def test_records_of_several_methods_are_named_before_a_card_and_before_the_verification(
    make_record: MakeRecord,
    root: Path,
    submit: Submit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = make_record(40, out=tmp_path / "first")
    second = make_record(41, out=tmp_path / "second", name="other", evidence="video")
    monkeypatch.setattr(submissions, "read_run_sources", _fail_to_verify)
    with pytest.raises(DataError, match=r"are of different methods, 'mine' and 'other'"):
        submit(first, second)
    assert not root.exists()


def test_python_submits_as_the_command_does(bundle: ForgedBundle, root: Path) -> None:
    card = {"license": "MIT", "training_data": "nothing", "authors": ["B. Lab"]}
    submission = ee.submit(
        bundle.record.parent, to=root / "submissions", name="by-python", card=card, authors="A. Lab"
    )
    assert list_names(submission.folder) == {"card.json", *list_names(bundle.record.parent)}
    written = read_card(submission.folder / "card.json")
    assert (written.authors, written.license) == (("A. Lab",), "MIT")
    (row,) = read_submissions(root)
    assert row == submission.rows[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"license": 5}, "argument 'license'"),
        ({"authors": []}, "authors"),
        ({"card": 3}, "argument 'card'"),
        ({"to": None}, "argument 'to'"),
        ({"card": "missing.toml"}, r"cannot read missing\.toml"),
    ],
)
def test_a_wrong_argument_of_python_is_one_line_and_leaves_nothing(
    bundle: ForgedBundle, root: Path, options: dict[str, Any], message: str
) -> None:
    defaults: dict[str, Any] = {"to": root / "submissions", "card": FIELDS}
    with pytest.raises((UsageError, DataError), match=message) as error:
        ee.submit(bundle.record, **(defaults | options))
    assert "\n" not in str(error.value)
    assert not root.exists()
