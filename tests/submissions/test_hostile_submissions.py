"""What a stranger may put into the folder of submissions: each is refused in one line."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from forged_bundle import ForgedBundle, find_score

from egoexobench.errors import DataError, NoticeWarning
from egoexobench.leaderboard import submissions
from egoexobench.leaderboard.submissions import read_submissions

Attack = Callable[[Path], object]


@pytest.fixture
def folder_of_submission(honest_submission: Path, root: Path) -> Path:
    """A copy of an honest submission, to attack."""
    return shutil.copytree(honest_submission, root / "submissions" / honest_submission.name)


def find_record(folder: Path) -> Path:
    return next(path for path in folder.glob("*.json") if path.name != "card.json")


def edit_record(folder: Path, edit: Callable[[Any], object]) -> None:
    ForgedBundle(find_record(folder)).edit_record(edit)


def edit_card(folder: Path, **fields: Any) -> None:
    path = folder / "card.json"
    card = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({key: value for key, value in card.items() if value != "-"}))


def link_queries(folder: Path) -> None:
    (queries,) = folder.glob("*.queries.jsonl")
    copy = folder.parents[1] / "elsewhere"
    queries.rename(copy)
    queries.symlink_to(copy)


def link_folder(folder: Path) -> None:
    folder.rename(folder.parents[1] / "elsewhere")
    folder.symlink_to(folder.parents[1] / "elsewhere")


def name_foreign_artifact(folder: Path) -> None:
    (folder / "film.mp4").write_bytes(b"film")
    artifact = {"file": "film.mp4", "sha256": "0" * 64}
    edit_record(folder, lambda fields: fields["artifacts"].append(artifact))


def name_outer_artifact(folder: Path) -> None:
    artifact = {"file": "../../secret.ranks.jsonl", "sha256": "0" * 64}
    edit_record(folder, lambda fields: fields["artifacts"].append(artifact))


def raise_score(folder: Path) -> None:
    def edit(fields: Any) -> None:
        find_score(fields)["metrics"]["hit_rate_at_1"]["value"] = 99.0

    edit_record(folder, edit)


def put_deep_json(folder: Path) -> None:
    find_record(folder).write_text("[" * 100_000 + "]" * 100_000)


def put_key_twice(folder: Path) -> None:
    record = find_record(folder)
    text = record.read_text().rstrip().removesuffix("}")
    record.write_text(text + ', "seed": 0, "command": ["/home/ann/x"]}')


ATTACKS: dict[str, tuple[Attack, str]] = {
    "hidden": (lambda f: (f / ".x").touch(), "'.x' is hidden"),
    "unknown": (lambda f: (f / "readme.txt").touch(), "'readme.txt' is no file of a record"),
    "code": (lambda f: (f / "conftest.py").write_text("1 / 0"), "'conftest.py' is no file"),
    "subfolder": (lambda f: (f / "more").mkdir(), "'more' is a link or a folder"),
    "pipe": (lambda f: os.mkfifo(f / "more"), "'more' is a link or a folder"),
    "linked file": (link_queries, "is a link or a folder"),
    "linked folder": (link_folder, "a link is not accepted"),
    "no card": (lambda f: (f / "card.json").unlink(), "there is no card.json"),
    "no record": (lambda f: [p.unlink() for p in f.glob("2*")], "there is no record"),
    "lost file": (lambda f: next(f.glob("*.ranks.jsonl")).unlink(), "cannot read"),
    "renamed": (lambda f: find_record(f).rename(f / "x.json"), "is not named by its id"),
    "audit": (lambda f: (f / "audit-x.json").write_text("{}"), "is an audit"),
    "media": (name_foreign_artifact, "film.mp4"),
    "outer file": (name_outer_artifact, "String should match pattern"),
    "score": (raise_score, "99.0"),
    "deep": (put_deep_json, "recursion|not JSON"),
    "key twice": (put_key_twice, "stands twice|an absolute path"),
    "long text": (lambda f: edit_record(f, lambda r: r["command"].append("x" * 9_999)), "9999"),
    "path": (lambda f: edit_record(f, lambda r: r["command"].append("/etc/x")), "'/etc/x'"),
    "evidence": (lambda f: edit_card(f, evidence=["video"]), "the card says evidence video"),
    "short card": (lambda f: edit_card(f, authors="-"), "authors: Field required"),
    "no author": (lambda f: edit_card(f, authors=[]), "authors: .*at least 1"),
    "foreign field": (lambda f: edit_card(f, rank=1), "unknown field 'rank'"),
    "long field": (lambda f: edit_card(f, training_data="x" * 501), "at most 500"),
    "two lines": (lambda f: edit_card(f, method="a\nb"), "is not one line"),
    "escape": (lambda f: edit_card(f, method="a\x1b[2J"), "is not one line"),
    "hidden letter": (lambda f: edit_card(f, authors=["a\u202eb"]), "is not one line"),
    "address": (lambda f: edit_card(f, paper="javascript:alert(1)"), "is no address"),
    "file address": (lambda f: edit_card(f, code="file:///etc/passwd"), "is no address"),
    "password": (
        lambda f: edit_card(f, code="https://me:pw@x.org/"),
        "a user or a password is not accepted$",
    ),
    "address and tag": (lambda f: edit_card(f, code="https://x.org/><script>"), "is no address"),
    "license": (lambda f: edit_card(f, license="free for all"), "is no SPDX id"),
    "own license": (lambda f: edit_card(f, license="LicenseRef-mine"), "is no SPDX id"),
    "card path": (lambda f: edit_card(f, training_data="/data/me"), "an absolute path"),
    "large card": (lambda f: (f / "card.json").write_text(" " * 70_000), "at most 65536"),
    "card list": (lambda f: (f / "card.json").write_text("[]"), "has no fields"),
    "deep card": (lambda f: (f / "card.json").write_text("[" * 60_000), "is no TOML"),
}


@pytest.mark.parametrize(("attack", "message"), ATTACKS.values(), ids=ATTACKS.keys())
def test_it_is_refused_in_one_line(
    folder_of_submission: Path, root: Path, attack: Attack, message: str
) -> None:
    attack(folder_of_submission)
    with pytest.raises(DataError, match=f"(?s)1 of 1 submissions are refused.*{message}") as error:
        read_submissions(root)
    assert "\n" not in str(error.value)


def test_the_honest_one_is_accepted(folder_of_submission: Path, root: Path) -> None:
    assert [row.submission for row in read_submissions(root)] == [folder_of_submission.name]


def test_files_beside_submissions_and_a_linked_folder_are_refused(
    folder_of_submission: Path, root: Path
) -> None:
    (folder_of_submission.parent / "notes.txt").touch()
    with pytest.raises(DataError, match=r"'notes\.txt' is no name of a submission"):
        read_submissions(root)
    (root / "submissions").rename(root / "elsewhere")
    (root / "submissions").symlink_to(root / "elsewhere")
    with pytest.raises(DataError, match="a link is not accepted"):
        read_submissions(root)


def test_many_files_are_refused_before_they_are_read(
    folder_of_submission: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MAX_FILES", 3)
    with pytest.raises(DataError, match="it has more than 3 files"):
        read_submissions(root)


def test_a_copy_of_a_submission_is_refused(folder_of_submission: Path, root: Path) -> None:
    shutil.copytree(folder_of_submission, folder_of_submission.with_name("copycat"))
    with pytest.raises(DataError, match=r"submissions/copycat: .* of submission acme-net"):
        read_submissions(root)


def test_every_refused_submission_is_told(folder_of_submission: Path, root: Path) -> None:
    for name in ("one", "two"):
        (folder_of_submission.parent / name).mkdir()
    with (
        pytest.warns(NoticeWarning, match=r"submissions/two: there is no card"),
        pytest.raises(DataError, match=r"2 of 3 submissions are refused.*submissions/one: "),
    ):
        read_submissions(root)


def test_the_command_fails_with_one_line(folder_of_submission: Path, tmp_path: Path) -> None:
    (folder_of_submission / "a\x1b[2J.txt").touch()
    done = CommandLine(tmp_path)("leaderboard", "--check")
    assert done.returncode == 1
    assert "'a\\x1b[2J.txt' is no file of a record" in done.stderr
    assert len(done.stderr.splitlines()) == 1
