"""Pages show submissions as such, and nothing of them reaches a reproduced row."""

from collections.abc import Callable
from pathlib import Path

import pytest
from forged_bundle import ForgedBundle

from egoexobench.errors import DataError
from egoexobench.leaderboard import pages
from egoexobench.leaderboard.pages import build_pages, check_pages, write_leaderboard
from egoexobench.leaderboard.submit import WrittenSubmission

MakeRecord = Callable[..., Path]
Submit = Callable[..., WrittenSubmission]
REPRODUCED = Path(__file__).parents[2] / "leaderboards" / "reproduced"


def test_a_row_says_who_submitted_it_and_texts_are_shown_literally(
    bundle: ForgedBundle, root: Path, submit: Submit
) -> None:
    submit(
        bundle.record,
        method="<b>Net</b> | *1*".replace("</b>", "b"),
        authors=["A_B", "C"],
        training_data="[x](http://y)",
        code="https://example.org/a_(b)",
    )
    page = build_pages(root)["folder.md"]
    assert "acme-net: mine (a)" in page
    assert "**submitted**, verified, **embeddings given, not audited**" in page
    assert r"acme-net: submitted by A\_B and others, not run by us" in page
    assert r"&lt;b&gt;Netb \| \*1\*" in page
    assert r"\[x\](http://y)" in page
    assert "<https://example.org/a_(b)>" in page
    assert "1 submitted by others" in build_pages(root)["README.md"]
    assert "duration" not in page


def test_reproduced_tables_do_not_change(bundle: ForgedBundle, root: Path, submit: Submit) -> None:
    (root / "reproduced").mkdir(parents=True)
    file = "logmel-neighbor.compact.synthetic-size-standard-97ddc86e.json"
    (root / "reproduced" / file).write_bytes((REPRODUCED / file).read_bytes())
    before = build_pages(root)
    submit(bundle.record)
    after = build_pages(root)
    assert after["synthetic.md"] == before["synthetic.md"]
    assert after.keys() - before.keys() == {"folder.md"}


def test_different_protocols_of_submissions_do_not_stop_the_page(
    bundle: ForgedBundle, make_record: MakeRecord, root: Path, submit: Submit
) -> None:
    submit(bundle.record)
    submit(make_record(9, claims={"frames": 8}), name="other-net")
    page = build_pages(root)["folder.md"]
    assert "another protocol, not comparable with its column" in page


def test_check_finds_pages_without_the_submission(
    bundle: ForgedBundle, make_record: MakeRecord, root: Path, submit: Submit
) -> None:
    submit(bundle.record)
    write_leaderboard(root)
    check_pages(root)
    submit(make_record(9), name="other-net")
    with pytest.raises(DataError, match=r"outdated in .*folder\.md"):
        check_pages(root)


def test_a_data_set_that_would_replace_a_page_is_refused(
    bundle: ForgedBundle, root: Path, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = submit(bundle.record)
    dataset = submission.rows[0].dataset.model_copy(update={"name": "readme"})
    row = submission.rows[0].model_copy(update={"dataset": dataset})
    monkeypatch.setattr(pages, "read_submissions", lambda root: [row])
    with pytest.raises(DataError, match=r"'readme' would have the page readme\.md"):
        build_pages(root)
