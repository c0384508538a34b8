"""The contract of captioners."""

from __future__ import annotations

from egoexobench.part_results import find_texts_fault
from egoexobench.protocols import Captioner, RefiningCaptioner
from egoexobench.testing.assertions import check_has, check_that, check_valid, report_errors
from egoexobench.toolbox.captions import InvalidCaption, parse_response

NARRATIONS = ("A person takes the garlic, then opens the jar.", "", "Nothing. " * 200, "切蒜")


def check_captioner(captioner: Captioner) -> None:
    """Check that a captioner writes one closed caption a narration, in order, always the same.

    Raises:
        AssertionError: with the first fault.
    """
    check_has(captioner, methods=["caption"])
    captions = _write_captions(captioner, NARRATIONS)
    for caption in captions:
        _check_format(caption)
    check_that(
        _write_captions(captioner, NARRATIONS) == captions, "the same narrations get other captions"
    )
    backwards = _write_captions(captioner, NARRATIONS[::-1])
    message = "in another order: the order of narrations changes their captions"
    check_that(backwards[::-1] == captions, message)
    alone = [_write_captions(captioner, (narration,))[0] for narration in NARRATIONS]
    check_that(alone == captions, "alone: a caption depends on the other narrations")
    _write_captions(captioner, ())
    if isinstance(captioner, RefiningCaptioner):
        _check_refinement(captioner, captions)


def _write_captions(captioner: Captioner, narrations: tuple[str, ...]) -> list[str]:
    inputs = list(narrations)
    with report_errors("caption"):
        captions = captioner.caption(inputs)
    check_that(inputs == list(narrations), "caption changes its list of narrations")
    check_valid(find_texts_fault(captions, len(narrations), "caption"))
    return list(captions)


def _check_refinement(captioner: RefiningCaptioner, captions: list[str]) -> None:
    with report_errors("refine"):
        refined = captioner.refine(list(captions), ["a person"])
    check_valid(find_texts_fault(refined, len(captions), "refine"))
    for caption in refined:
        _check_format(caption)


def _check_format(caption: str) -> None:
    parsed = parse_response(caption)
    reason = parsed.reason if isinstance(parsed, InvalidCaption) else ""
    shown = caption if len(caption) <= 60 else f"{caption[:60]}..."
    check_that(not reason, f"{shown!r} is not a closed caption, [source] (effect), ...: {reason}")
