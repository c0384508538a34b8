"""The card of a submission: who made what, from which data, and under which license.

People write it, so each field is one short line that is shown as it is. What the records know as
well, the evidence, must be as they say.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, Field, StringConstraints

from egoexobench.errors import DataError
from egoexobench.leaderboard.private_text import find_private_text
from egoexobench.records.artifacts import check_plain_size
from egoexobench.records.check_facts import is_printable_name
from egoexobench.records.field_types import RecordModel
from egoexobench.records.store import read_text, validate_json
from egoexobench.types import Evidence

CARD_FILE = "card.json"
MAX_CARD_BYTES = 2**16
_URL = re.compile(r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?(?:[/?#]\S*)?")
"""A host and no user, so that no password gets into a card."""
_URL_LETTERS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


def _check_line(text: str) -> str:
    if not is_printable_name(text) or text != " ".join(text.split()):
        raise ValueError(
            f"{ascii(text)[:60]} is not one line of letters that can be seen, with single spaces"
        )
    if private := find_private_text(text):
        raise ValueError(f"it contains {private}")
    return text


def _check_url(text: str) -> str:
    if "@" in text:
        raise ValueError("an address with a user or a password is not accepted")
    if not _URL.fullmatch(text) or not _URL_LETTERS.fullmatch(text):
        raise ValueError(f"{ascii(text)[:60]} is no address that starts with https:// or http://")
    return text


def _normalize_license(text: str) -> str:
    try:
        license_id = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        license_id = None
    if license_id is None or "LicenseRef-" in license_id:
        raise ValueError(
            f"{ascii(text)[:60]} is no SPDX id, such as Apache-2.0, CC-BY-4.0 or CC-BY-NC-4.0 "
            "(https://spdx.org/licenses)"
        )
    return license_id


_Line = AfterValidator(_check_line)
_Url = Annotated[str, Field(max_length=300), AfterValidator(_check_url)]
_Author = Annotated[str, StringConstraints(min_length=1, max_length=80), _Line]


@final
class SubmissionCard(RecordModel):
    """What a submitter says of a submission; nobody checked it, besides the evidence."""

    schema_version: Literal[1] = 1
    method: Annotated[str, Field(min_length=1, max_length=80), _Line]
    authors: tuple[_Author, ...] = Field(min_length=1, max_length=50)
    paper: _Url | None = None
    code: _Url | None = None
    license: Annotated[str, Field(max_length=100), AfterValidator(_normalize_license)] = Field(
        description="SPDX id: how the files of the submission may be used"
    )
    training_data: Annotated[str, Field(min_length=1, max_length=500), _Line] = Field(
        description="every data set that the method or its weights learned from"
    )
    evidence: tuple[Evidence, ...] = Field(
        description="what embeddings of videos, or answers, are computed from; empty if unknown"
    )
    text_evidence: tuple[Evidence, ...] = Field(description="the same of texts")


def parse_card(location: str, fields: Mapping[str, Any]) -> SubmissionCard:
    """Return the card of some fields.

    Args:
        location: where they come from, for the message.
        fields: as in a file.

    Raises:
        DataError: with the field that is missing, foreign, too long or wrong.
    """
    return validate_json(location, json.dumps(fields, default=str), SubmissionCard)


def read_card(path: Path) -> SubmissionCard:
    """Read the card of a submission.

    Raises:
        DataError: with the file and the field that is wrong.
    """
    return parse_card(str(path), read_card_fields(path))


def read_card_fields(path: Path) -> dict[str, Any]:
    """Return the fields of a card, a file of TOML or JSON, of which none is checked.

    Raises:
        DataError: if the file cannot be read, or has no fields.
    """
    check_plain_size(path, MAX_CARD_BYTES)
    text = read_text(path)
    try:
        fields = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no TOML (.toml) and no JSON (.json): {error}") from None
    if not isinstance(fields, dict):
        raise DataError(f"{path} has no fields, such as authors and license")
    return fields
