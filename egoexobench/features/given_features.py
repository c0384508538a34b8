"""Collects features that were made elsewhere: of clips by their ids, of texts by the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from egoexobench.errors import DataError, notify
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, make_missing_rows
from egoexobench.part_results import require_valid

GIVEN_STATE = "given"
"""State of features that were not computed here."""
NO_FEATURE = "no feature"
"""Why an item is left out."""
ALLOW_MISSING = "--allow-missing goes on with the rest, and writes into the record how much that is"
_EXPECTED: Mapping[str, str] = {
    "clip": "features of clips have the ids that `egoexobench data items` lists",
    "text": "features of texts have the texts themselves as ids",
}


@dataclass(frozen=True, slots=True)
class GivenFeatures:
    """The features of the items that have some, and the ids of the others."""

    bank: FeatureBank
    missing: tuple[str, ...]


def collect_given_features(
    keys: Mapping[str, str | None], runner: EncoderRunner, *, masks_missing: bool = False
) -> GivenFeatures:
    """Return the features of some items.

    Args:
        keys: the clip id or the text whose features an item has, by its id; None for an item
            without a text, which is masked.
        runner: an encoder whose features were given.
        masks_missing: an item without features is masked, like a clip without sound.

    Raises:
        PartError: if the encoder returns something wrong.
    """
    items: dict[str, FeatureRows] = {}
    missing: list[str] = []
    for name, key in keys.items():
        rows = (
            runner.feature_source.get_features(key)
            if runner.feature_source and key is not None
            else None
        )
        if rows is not None:
            is_valid = rows.ndim == 2 and len(rows) and rows.shape[1] == runner.encoder.dim
            fault = f"features of {key!r} of shape {rows.shape}, not (T, {runner.encoder.dim})"
            require_valid(None if is_valid else fault, runner.label)
            items[name] = FeatureRows(rows, GIVEN_STATE)
        elif key is None or masks_missing:
            items[name] = make_missing_rows("no text" if key is None else NO_FEATURE)
        else:
            missing.append(name)
    bank = FeatureBank(list(items), list(items.values()), (runner.encoder.dim,))
    return GivenFeatures(bank, tuple(missing))


def check_missing_features(
    noun: str,
    missing: Sequence[str],
    keys: Mapping[str, str | None],
    runner: EncoderRunner,
    *,
    allow_missing: bool,
) -> None:
    """Check that every item has features.

    Args:
        noun: what an item is, ``clip`` or ``text``.
        missing: ids of those without.
        keys: of `collect_given_features`.
        runner: the encoder.
        allow_missing: go on with the rest.

    Raises:
        DataError: unless ``allow_missing`` is set, or if no item has a feature.
    """
    if not missing:
        return
    count = f"{len(missing)} of {len(keys)} {noun}s"
    line = f"{runner.label}: {count} have no feature, the first is {keys[missing[0]]!r}"
    if len(missing) == len(keys):
        raise DataError(f"{line}; {_EXPECTED[noun]}")
    if not allow_missing:
        raise DataError(f"{line}; {ALLOW_MISSING}")
    if noun == "text":  # a run says which clips it leaves out, whatever the reason
        notify(f"{line}; they are left out")
