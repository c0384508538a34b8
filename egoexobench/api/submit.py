"""`submit`: records and a card for the leaderboard, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.api.arguments import SubmitArguments, check_arguments, to_paths
from egoexobench.records.store import list_records

if TYPE_CHECKING:
    from egoexobench.leaderboard.submit import WrittenSubmission


def submit(
    path: str | Path | Iterable[str | Path],
    *,
    to: str | Path = "leaderboards/submissions",
    name: str | None = None,
    card: Mapping[str, Any] | str | Path | None = None,
    method: str | None = None,
    authors: str | Iterable[str] | None = None,
    paper: str | None = None,
    code: str | None = None,
    license: str | None = None,  # noqa: A002 - the field of the card
    training_data: str | None = None,
) -> WrittenSubmission:
    """Verify records and put them with a card into a new folder, as `egoexobench submit` does.

    An argument wins over the same field of the card, and the card over the record.

    Args:
        path: a record, a folder with records, or several of both, of one method.
        to: folder of all submissions.
        name: of the submission, a new folder; None for one that is made from the method's.
        card: fields of the card, or a file of TOML or JSON.
        method: name of the method; None is that of the record.
        authors: one author or several; None is what the record says.
        paper: address of a paper.
        code: address of the code.
        license: SPDX id that says how the files may be used, such as ``"CC-BY-4.0"``.
        training_data: every data set that the method or its weights learned from.

    Returns:
        The ``folder``, its ``rows``, ``num_files`` and ``num_bytes``.

    Raises:
        UsageError: for an argument that is not valid, or a field of the card that is missing.
        DataError: if a record or the card is refused, or the submission exists already.
    """
    arguments = check_arguments(
        SubmitArguments, {key: value for key, value in locals().items() if key != "path"}
    )
    from egoexobench.leaderboard.submission_card import read_card_fields
    from egoexobench.leaderboard.submit import write_submission

    card = arguments.card
    fields = dict(card) if isinstance(card, Mapping) else read_card_fields(card) if card else {}
    options = arguments.model_dump(exclude={"to", "name", "card"}, exclude_none=True)
    return write_submission(
        list_records(to_paths(path)), arguments.to, fields | options, name=arguments.name
    )
