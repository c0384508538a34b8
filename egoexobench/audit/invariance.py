"""Side doors: what an embedding must not depend on is changed in the data set itself.

Every look makes all parts anew and encodes a sample of clips into an empty cache, so that nothing
that was stored or remembered hides a change. For as long as it lasts the data set's class answers
differently: a wrapper would not be seen by a part that made or kept a data set of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, final
from unittest.mock import patch

from egoexobench.audit.modality_swap import ROUNDING, derange, movement
from egoexobench.audit.perturb import Nudged
from egoexobench.errors import EgoExoBenchError
from egoexobench.experiment import build
from egoexobench.experiment.embed import Embedded, embed
from egoexobench.experiment.inputs import gather
from egoexobench.experiment.prepare import Ready
from egoexobench.experiment.scoring import SPLIT
from egoexobench.experiment.subset import cover
from egoexobench.hashing import hash_json
from egoexobench.progress import NullProgress
from egoexobench.protocols import Dataset, Progress
from egoexobench.records.audit import Change, EmbeddingSide, InvarianceCheck
from egoexobench.types import Clip, Embeddings, Evidence, Pair, Query, Split, Task

SAMPLE = 64
"""Pairs that are looked at."""
JUMP = 0.01
"""How far a nudge may move an embedding, as a share of what another picture or sound does."""

MUST_STAY: Mapping[Change, tuple[EmbeddingSide, ...]] = {
    "nothing": ("video", "text"),
    "annotation": ("video",),
    "ids": ("video", "text"),
    "paths": ("video", "text"),
    "media": ("text",),
    "nudge": ("video",),
}
"""Change to the embeddings that must not see it."""

Renew = Callable[[Pair, Pair], Pair]
"""A pair, and the one that it is exchanged with, to what stands in its place."""


def doors(ready: Ready, far: float, progress: Progress) -> list[InvarianceCheck]:
    """Look at the same clips after each change.

    Args:
        ready: the trained method.
        far: median distance by which another picture or sound moves a video embedding.
        progress: shows the stage, a step a look.

    Raises:
        DataError: if the clips cannot be encoded as they are.
    """
    pairs = list(ready.gathered.pairs[SPLIT])[:SAMPLE]
    free = _free(build.declared(ready.kit))
    found: list[InvarianceCheck] = []
    with TemporaryDirectory() as links, progress.stage("doors", len(MUST_STAY) + 1) as advance:
        before = _look(ready, pairs, pairs)
        advance(1)
        for change, sides in MUST_STAY.items():
            after = _after(ready, pairs, change, Path(links))
            found += [
                _door(change, side, one, after, far)
                for side in sides
                if side not in free[change] and (one := before.side(side))
            ]
            advance(1)
    return found


def _free(declared: Mapping[str, Collection[Evidence]]) -> Mapping[Change, set[str]]:
    """Embeddings that may see a change, because they are declared to be made of what changes."""
    told, shown = {"narration", "sound_caption"}, {"video", "audio"}
    free: dict[Change, set[str]] = {change: set() for change in MUST_STAY}
    free["annotation"] = {side for side, of in declared.items() if told & set(of)}
    free["media"] = {side for side, of in declared.items() if shown & set(of)}
    return free


def _after(ready: Ready, pairs: Sequence[Pair], change: Change, links: Path) -> Embedded | str:
    """Embeddings after a change, or how the method broke."""
    other = {pair.id: pair for pair in pairs}
    origin = derange(list(other), ready.kit.seed)
    renew = _renewals(links)[change]
    changed = [renew(pair, other[origin[pair.id]]) for pair in pairs]
    try:
        return _look(ready, pairs, changed, nudged=change == "nudge")
    except EgoExoBenchError:
        raise
    except Exception as error:  # clips that could be encoded a moment ago: the change broke it
        return f"{type(error).__name__}: {str(error)[:60]}".strip(": ")


def _door(
    change: Change, side: EmbeddingSide, before: Embeddings, after: Embedded | str, far: float
) -> InvarianceCheck:
    if isinstance(after, str):
        return InvarianceCheck(
            change=change, embedding=side, movement=None, error=after, verdict="broke"
        )
    now = after.side(side)
    assert now is not None  # noqa: S101 - a method that has texts has them after any change
    moved = movement(before, now)
    verdict: Literal["shut", "open", "jumps", "unsteady"]
    if change == "nudge":
        verdict = "jumps" if moved.median > max(JUMP * far, ROUNDING) else "shut"
    else:
        verdict = "shut" if not moved.moved else "unsteady" if change == "nothing" else "open"
    return InvarianceCheck(change=change, embedding=side, movement=moved, verdict=verdict)


def _look(
    ready: Ready, pairs: Sequence[Pair], changed: Sequence[Pair], *, nudged: bool = False
) -> Embedded:
    """Embed changed pairs by parts that were made after the change, with the weights of before."""
    kit = ready.kit
    with TemporaryDirectory() as tokens, _answering(ready.dataset, pairs, changed):
        anchor = build.anchor(kit)
        coders = build.coders(kit, anchor, ready.model.compute)
        fed = {role: replace(c, encoder=Nudged(c.encoder)) for role, c in coders.items()}
        sample = Sample(changed)
        gathered = gather(
            sample,
            cover(sample, ready.kit.method.name, allow=False),
            fed if nudged else coders,
            kit.method,
            build.captioner(kit),
            "mask",
            Path(tokens),
            NullProgress(),
        )
        model = build.model(kit, coders, ready.model.compute)
        model.load_state_dict(ready.model.state_dict())
        return embed(model, gathered, anchor, (SPLIT,))


@contextmanager
def _answering(dataset: Dataset, pairs: Sequence[Pair], changed: Sequence[Pair]) -> Iterator[None]:
    """Let every data set of this class give the changed pairs and clips."""
    swaps = dict(zip((pair.id for pair in pairs), changed, strict=True))
    clips = {
        one.id: two
        for pair, other in zip(pairs, changed, strict=True)
        for one, two in ((pair.ego, other.ego), (pair.exo, other.exo))
    }
    kind = type(dataset)
    told_pairs, told_clips = kind.pairs, kind.clips

    def other_pairs(self: Dataset, split: Split) -> Sequence[Pair]:
        return [swaps.get(pair.id, pair) for pair in told_pairs(self, split)]

    def other_clips(self: Dataset, split: Split) -> Sequence[Clip]:
        return [clips.get(clip.id, clip) for clip in told_clips(self, split)]

    with patch.multiple(kind, pairs=other_pairs, clips=other_clips):
        yield


def _renewals(links: Path) -> Mapping[Change, Renew]:
    return {
        "nothing": lambda pair, _: pair,
        "annotation": lambda pair, other: _views(
            replace(pair, narration=other.narration), other, _annotation
        ),
        "ids": lambda pair, other: _views(
            replace(pair, id=hash_json(["pair", pair.id])), other, _identity
        ),
        "paths": lambda pair, other: _views(
            pair, other, lambda clip, _: replace(clip, media=_link(clip.media, links))
        ),
        "media": lambda pair, other: _views(pair, other, _media),
        "nudge": lambda pair, _: pair,
    }


def _views(pair: Pair, other: Pair, renew: Callable[[Clip, Clip], Clip]) -> Pair:
    return replace(pair, ego=renew(pair.ego, other.ego), exo=renew(pair.exo, other.exo))


def _annotation(clip: Clip, other: Clip) -> Clip:
    return replace(
        clip,
        narration=other.narration,
        scene=other.scene,
        verbs=other.verbs,
        nouns=other.nouns,
    )


def _identity(clip: Clip, _: Clip) -> Clip:
    return replace(clip, id=hash_json(["clip", clip.id]), take=hash_json(["take", clip.take]))


def _media(clip: Clip, other: Clip) -> Clip:
    return replace(clip, media=other.media, start=other.start, end=other.end)


def _link(media: str, links: Path) -> str:
    path = links / f"{hash_json(media)}{Path(media).suffix}"
    if not path.exists():
        try:
            os.link(media, path)
        except OSError:  # another disk, or one that allows no hard links
            path.symlink_to(Path(media).resolve())
    return str(path)


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """Some pairs as the test split of a data set."""

    chosen: Sequence[Pair]
    fingerprint: str = "sample"

    def prepare(self, progress: Progress) -> None:
        """Media are there already."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """The clips of the pairs."""
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """The pairs, all in one split."""
        return self.chosen if split == SPLIT else ()

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """No questions."""
        del split, task
        return ()
