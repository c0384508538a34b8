"""Get a caption for each request, from the cache or from the captioner, with one retry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from egoexobench.captioning.cache import CAPTIONS
from egoexobench.errors import ModelUnavailableError, PartError
from egoexobench.hashing import hash_json
from egoexobench.part_results import describe_value, find_texts_fault, require_valid
from egoexobench.protocols import (
    Captioner,
    CaptionRequest,
    CaptionResponse,
    ModelCaptioner,
    Progress,
    RefiningCaptioner,
)
from egoexobench.response_cache import ResponseCache, ResponseFile
from egoexobench.toolbox.captions import InvalidCaption, parse_response

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class CaptionSession:
    """A captioner with its cache and progress display."""

    captioner: Captioner
    cache: ResponseCache | None
    progress: Progress
    retry_refused: bool
    """Request captions of refused texts again."""
    label: str = "the captioner"
    """Kind, name and distribution of the captioner, for messages."""

    def iter_responses(self, requests: Sequence[CaptionRequest]) -> Iterator[CaptionResponse]:
        """Yield the responses of the captioner as they arrive."""
        if isinstance(self.captioner, ModelCaptioner):
            return self._iter_answers(self.captioner, requests)
        return _call_captioner(self.captioner, requests, self.label)

    def _iter_answers(
        self, captioner: ModelCaptioner, requests: Sequence[CaptionRequest]
    ) -> Iterator[CaptionResponse]:
        answers = captioner.answer(requests)
        fault = f"the result of answer is {describe_value(answers)}; it must be an iterator"
        require_valid(None if isinstance(answers, Iterable) else fault, self.label)
        for response in answers:
            if not isinstance(response, CaptionResponse) or not isinstance(response.text, str):
                fault = f"answer yields {describe_value(response)}; it must be CaptionResponse"
                require_valid(fault, self.label)
            yield response

    def open_file(self, concepts: Sequence[str]) -> ResponseFile:
        """Return the cached captions; refined captions are cached by the list of concepts."""
        if self.cache is None or not isinstance(self.captioner, ModelCaptioner):
            return ResponseFile(None, {}, CAPTIONS)
        return self.cache.open(make_cache_key(self.captioner.key, concepts))

    def explain_requests(self, requests: Sequence[CaptionRequest]) -> None:
        """Say why captions are requested again that an older version of the captioner wrote."""
        if requests and self.cache and isinstance(self.captioner, ModelCaptioner):
            key = make_cache_key(self.captioner.key, requests[0].concepts)
            self.cache.explain_requests(key, {request.text for request in requests})


@dataclass(frozen=True, slots=True)
class CaptionBatch:
    """Captions by text, and the reason for each text without a caption."""

    captions: Mapping[str, str]
    refused: Mapping[str, str]
    num_cached: int
    num_retried: int
    abort_reason: str | None


@dataclass(frozen=True, slots=True)
class _InvalidResponse:
    """A response that is not a caption, with the reason."""

    response: CaptionResponse
    reason: str

    @property
    def text(self) -> str:
        return self.response.request.text


@dataclass(frozen=True, slots=True)
class _RoundResult:
    """Invalid responses of one round, and why it ended early; None if it did not."""

    invalid: Sequence[_InvalidResponse] = ()
    abort_reason: str | None = None


def make_cache_key(key: Mapping[str, object], concepts: Sequence[str]) -> dict[str, object]:
    """Return the captioner's key and, for refined captions, the hash of the concepts."""
    return dict(key) | ({"concepts": hash_json(list(concepts))} if concepts else {})


def request_captions(
    session: CaptionSession, requests: Sequence[CaptionRequest], stage: str
) -> CaptionBatch:
    """Return the caption of each request, and the reason for each request without one.

    Args:
        session: captioner, cache and progress display.
        requests: with different texts, all with the same concepts.
        stage: label of the progress display.

    Raises:
        PartError: if the captioner returns anything but one text for each request.
    """
    file = session.open_file(requests[0].concepts if requests else ())
    num_cached = sum(request.text in file.responses for request in requests)
    done = file.responses if session.retry_refused else file
    pending = [request for request in requests if request.text not in done]
    session.explain_requests(pending)
    if pending:
        file.explain_damage()
    result, num_retried = _RoundResult(), 0
    if pending:
        with session.progress.stage(stage, len(pending)) as advance:
            result = _request_round(session, pending, file, advance)
            if result.invalid and not result.abort_reason:
                num_retried = len(result.invalid)
                retries = [
                    replace(item.response.request, refused=item.response.text)
                    for item in result.invalid
                ]
                result = _request_round(session, retries, file, advance)
            advance(len(result.invalid))
    _store_refusals(result.invalid, file)
    texts = [request.text for request in requests]
    captions = {text: file.responses[text] for text in texts if text in file.responses}
    refused = {text: file.refused[text] for text in texts if text in file.refused}
    refused |= {item.text: item.reason for item in result.invalid}
    return CaptionBatch(
        captions=captions,
        refused={text: reason for text, reason in refused.items() if text not in captions},
        num_cached=num_cached,
        num_retried=num_retried,
        abort_reason=result.abort_reason,
    )


def _request_round(
    session: CaptionSession,
    requests: Sequence[CaptionRequest],
    file: ResponseFile,
    advance: Advance,
) -> _RoundResult:
    """Send each request once; store captions as they arrive and return the other responses."""
    invalid: list[_InvalidResponse] = []
    remaining = {request.text: request for request in requests}
    try:
        for response in session.iter_responses(requests):
            text = response.request.text
            if remaining.pop(text, None) is None:
                raise PartError(
                    f"{session.label}: it responded to {text[:60]!r} without a request, or twice"
                )
            caption = parse_response(response.text)
            if response.failure:
                invalid.append(_InvalidResponse(response, response.failure))
            elif isinstance(caption, InvalidCaption):
                invalid.append(_InvalidResponse(response, caption.reason))
            else:
                file.put(text, caption)
                advance(1)
    except ModelUnavailableError as error:
        unanswered = [
            _InvalidResponse(CaptionResponse(request, "", "no answer"), "no answer")
            for request in remaining.values()
        ]
        return _RoundResult([*invalid, *unanswered], str(error))
    if remaining:
        num_done = len(requests) - len(remaining)
        raise PartError(
            f"{session.label}: answer yields {num_done} captions for {len(requests)} narrations"
        )
    return _RoundResult(invalid)


def _store_refusals(invalid: Iterable[_InvalidResponse], file: ResponseFile) -> None:
    """Store texts that were refused twice, so that the next run does not request them again.

    Failures of a server are not stored.
    """
    for item in invalid:
        if item.response.request.refused is not None and not item.response.failure:
            file.refuse(item.text, item.reason)


def _call_captioner(
    captioner: Captioner, requests: Sequence[CaptionRequest], label: str
) -> Iterator[CaptionResponse]:
    """Yield the responses of a captioner that takes all texts at once."""
    texts, concepts = [request.text for request in requests], requests[0].concepts
    name, captions = "caption", None
    if concepts and isinstance(captioner, RefiningCaptioner):
        name, captions = "refine", captioner.refine(texts, concepts)
    else:
        captions = captioner.caption(texts)
    require_valid(find_texts_fault(captions, len(requests), name), label)
    return map(CaptionResponse, requests, captions)
