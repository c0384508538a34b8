"""The JSON of `egoexobench extract`; docs/json.md describes each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from egoexobench.features.dataset_features import ExtractionResult
from egoexobench.launchers.portion_report import EncoderResult, summarize_results


class ExtractionReport(BaseModel):
    """What `extract --json` prints."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    stores: str
    encoders: dict[str, EncoderResult]


def make_extraction_report(results: Mapping[str, ExtractionResult], root: str) -> ExtractionReport:
    """Return what came of an extraction with each encoder.

    Args:
        results: by encoder, as it was written.
        root: folder of the stores, or its address.
    """
    return ExtractionReport(stores=root, encoders=summarize_results(results))
