"""Has asks answered: from the store, or by the captioner in two tries at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from egoexobench.captioning.cache import Shelf, Store
from egoexobench.errors import CaptionerUnavailableError, DataError
from egoexobench.hashing import hash_json
from egoexobench.protocols import (
    Captioner,
    CaptionRequest,
    CaptionResponse,
    ModelCaptioner,
    Progress,
    RefiningCaptioner,
)
from egoexobench.toolbox.captions import InvalidCaption, parse_response

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """Who answers, where answers are kept, and who watches."""

    captioner: Captioner
    store: Store | None
    progress: Progress
    again: bool
    """Ask again for what was refused before, too."""

    def reply(self, asks: Sequence[CaptionRequest]) -> Iterator[CaptionResponse]:
        """The captioner's answers, as they come."""
        if isinstance(self.captioner, ModelCaptioner):
            return self.captioner.answer(asks)
        return _called(self.captioner, asks)

    def shelf(self, concepts: Sequence[str]) -> Shelf:
        """Where answers lie; refined captions of another list of concepts lie elsewhere."""
        if self.store is None or not isinstance(self.captioner, ModelCaptioner):
            return Shelf(None, {})
        return self.store.open(place(self.captioner.key, concepts))


@dataclass(frozen=True, slots=True)
class Pile:
    """Captions by text, and what became of the others."""

    captions: Mapping[str, str]
    refused: Mapping[str, str]
    stored: int
    retried: int
    stopped: str | None


@dataclass(frozen=True, slots=True)
class _Bad:
    """An answer that is no caption, and why."""

    answer: CaptionResponse
    reason: str


def place(key: Mapping[str, object], concepts: Sequence[str]) -> dict[str, object]:
    """What decides answers: the captioner's key and, of refined captions, the list."""
    return dict(key) | ({"concepts": hash_json(list(concepts))} if concepts else {})


def collect(desk: Desk, asks: Sequence[CaptionRequest], stage: str) -> Pile:
    """Return a caption for every ask that gets one, and why the others get none.

    Args:
        desk: who answers.
        asks: of different texts, all with the same concepts.
        stage: what progress calls it.

    Raises:
        DataError: if the captioner gives another number of answers than asks.
    """
    shelf = desk.shelf(asks[0].concepts if asks else ())
    stored = sum(ask.text in shelf.captions for ask in asks)
    known = shelf.captions if desk.again else shelf
    pending = [ask for ask in asks if ask.text not in known]
    bad, retried, stopped = list[_Bad](), 0, None
    if pending:
        with desk.progress.stage(stage, len(pending)) as advance:
            bad, stopped = _round(desk, pending, shelf, advance)
            if bad and not stopped:
                retried = len(bad)
                second = [replace(one.answer.request, refused=one.answer.text) for one in bad]
                bad, stopped = _round(desk, second, shelf, advance)
            advance(len(bad))
    _keep(bad, shelf)
    refused = {ask.text: shelf.refused[ask.text] for ask in asks if ask.text in shelf.refused}
    refused |= {one.answer.request.text: one.reason for one in bad}
    captions = {ask.text: shelf.captions[ask.text] for ask in asks if ask.text in shelf.captions}
    left = {text: reason for text, reason in refused.items() if text not in captions}
    return Pile(captions, left, stored, retried, stopped)


def _round(
    desk: Desk, asks: Sequence[CaptionRequest], shelf: Shelf, advance: Advance
) -> tuple[list[_Bad], str | None]:
    """Ask once; keep what is a caption at once, return what is none and why it ended early."""
    bad, left = list[_Bad](), {ask.text: ask for ask in asks}
    try:
        for answer in desk.reply(asks):
            if left.pop(answer.request.text, None) is None:
                raise DataError(
                    f"the captioner answered {answer.request.text[:60]!r} unasked, or twice"
                )
            found = parse_response(answer.text)
            if answer.failure or isinstance(found, InvalidCaption):
                reason = answer.failure or (
                    found.reason if isinstance(found, InvalidCaption) else ""
                )
                bad.append(_Bad(answer, reason))
            else:
                shelf.put(answer.request.text, found)
                advance(1)
    except CaptionerUnavailableError as error:
        unasked = [
            _Bad(CaptionResponse(ask, "", "no answer"), "no answer") for ask in left.values()
        ]
        return bad + unasked, str(error)
    if left:
        done = len(asks) - len(left)
        raise DataError(f"the captioner gave {done} captions for {len(asks)} narrations")
    return bad, None


def _keep(bad: Iterable[_Bad], shelf: Shelf) -> None:
    """Note what was refused twice, so that the next run does not ask; not a server's failure."""
    for one in bad:
        if one.answer.request.refused is not None and not one.answer.failure:
            shelf.refuse(one.answer.request.text, one.reason)


def _called(captioner: Captioner, asks: Sequence[CaptionRequest]) -> Iterator[CaptionResponse]:
    """Answers of a captioner that takes all texts at once."""
    texts, concepts = [ask.text for ask in asks], asks[0].concepts
    if concepts and isinstance(captioner, RefiningCaptioner):
        captions = list(captioner.refine(texts, concepts))
    else:
        captions = list(captioner.caption(texts))
    if len(captions) != len(texts):
        raise DataError(f"the captioner gave {len(captions)} captions for {len(texts)} narrations")
    return map(CaptionResponse, asks, captions)
