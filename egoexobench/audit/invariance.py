"""Checks that embeddings do not depend on what they must not read, by changing the data set.

Each check builds all parts again and encodes a sample of clips into an empty cache, so that nothing
that was stored or remembered hides a change. During a check the class of the data set returns the
changed clips: a wrapper object would not reach a part that created a data set of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import final

from egoexobench.audit.data_access import part_code, replaced_methods
from egoexobench.audit.decoy_media import ClipDecoder, make_decoys
from egoexobench.audit.encoder_wrapper import (
    AudioCaptionerWrapper,
    ReplaceSource,
    Source,
    wrap_encoder,
)
from egoexobench.audit.modality_swap import ROUNDING_TOLERANCE, derange, measure_shift
from egoexobench.audit.pair_changes import make_pair_changes
from egoexobench.audit.perturb import perturb_source
from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.errors import EgoExoBenchError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.build import MethodParts, build_model, build_parts
from egoexobench.experiment.embed import SplitEmbeddings, embed_inputs
from egoexobench.experiment.inputs import InputOptions, prepare_inputs
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.subset import select_usable
from egoexobench.progress import NullProgress
from egoexobench.protocols import AudioCaptioner, Dataset, Progress
from egoexobench.records.audit import Change, EmbeddingSide, InvarianceCheck, InvarianceVerdict
from egoexobench.types import Clip, Embeddings, Evidence, Pair, Query, Split, Task

SAMPLE_PAIRS = 64
"""Largest number of pairs that are encoded for a check."""
MAX_NUDGE_SHIFT = 0.01
"""How far a nudge may move an embedding, relative to the shift by another video or audio."""

INVARIANT_SIDES: Mapping[Change, tuple[EmbeddingSide, ...]] = {
    "nothing": ("video", "text"),
    "annotation": ("video",),
    "ids": ("video", "text"),
    "paths": ("video", "text"),
    "media": ("text",),
    "files": ("video",),
    "nudge": ("video",),
}
"""Change to the embeddings that must not depend on it."""
_PATCH_LOCK = Lock()


@dataclass(frozen=True, slots=True)
class ChangedEmbeddings:
    """Embeddings after a change, or the error that the change caused."""

    embeddings: SplitEmbeddings | None
    error: str | None = None


def check_invariances(
    trained: TrainedMethod, reference_shift: float, progress: Progress
) -> list[InvarianceCheck]:
    """Embed the same clips after each change, and compare.

    Args:
        trained: the trained method.
        reference_shift: median distance by which another video or audio moves a video embedding.
        progress: shows the stage, one step for each change.

    Raises:
        DataError: if the unchanged clips cannot be encoded.
    """
    pairs = _select_sample(trained.scored.inputs.pairs[TEST_SPLIT])
    exempt = list_exempt_sides(trained.parts.declared_inputs)
    checks: list[InvarianceCheck] = []
    num_steps = len(INVARIANT_SIDES) + 1
    with TemporaryDirectory() as links, progress.stage("invariance", num_steps) as advance:
        before = _embed_sample(trained, pairs, pairs, _keep_source)
        advance(1)
        for change, sides in INVARIANT_SIDES.items():
            advance(1)
            after = _embed_changed(trained, pairs, change, Path(links))
            if after is None:
                continue
            checks += [
                _compare_side(
                    change, side, before=embeddings, after=after, reference_shift=reference_shift
                )
                for side in sides
                if side not in exempt[change] and (embeddings := before.get_side(side))
            ]
    return checks


def _select_sample(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the first pairs that share no clip: a change gives each clip of the sample one clip.

    Pairs that share a clip would change it in two ways.
    """
    sample: dict[str, Pair] = {}
    for pair in pairs:
        if len(sample) < 2 * SAMPLE_PAIRS and sample.keys().isdisjoint({pair.ego.id, pair.exo.id}):
            sample |= dict.fromkeys((pair.ego.id, pair.exo.id), pair)
    return list(sample.values())[::2]


def list_exempt_sides(
    declared: Mapping[str, Collection[Evidence]],
) -> dict[Change, frozenset[str]]:
    """Return the embeddings that may depend on a change, because they declare to read it."""
    text_sides = {side for side, inputs in declared.items() if _reads_text(inputs)}
    media_sides = {side for side, inputs in declared.items() if _reads_media(inputs)}
    exempt: dict[Change, frozenset[str]] = {change: frozenset() for change in INVARIANT_SIDES}
    return {**exempt, "annotation": frozenset(text_sides), "media": frozenset(media_sides)}


def _reads_text(inputs: Collection[Evidence]) -> bool:
    return "narration" in inputs or "sound_caption" in inputs


def _reads_media(inputs: Collection[Evidence]) -> bool:
    return "video" in inputs or "audio" in inputs


def _embed_changed(
    trained: TrainedMethod, pairs: Sequence[Pair], change: Change, links: Path
) -> ChangedEmbeddings | None:
    """Embed the sample after a change; None if the change cannot be made."""
    by_id = {pair.id: pair for pair in pairs}
    origins = derange(list(by_id), trained.parts.seed)
    change_pair = make_pair_changes(links)[change]
    changed = [change_pair(pair, by_id[origins[pair.id]]) for pair in pairs]
    replace_source: ReplaceSource = _keep_source
    if change == "nudge":
        replace_source = perturb_source
    if change == "files":
        decoys = make_decoys(pairs, change_pair, trained.parts.seed, _make_decoder(trained.parts))
        if decoys is None:
            return None
        changed = list(decoys.pairs)
        replace_source = decoys.media.find_original
    try:
        embeddings = _embed_sample(trained, pairs, changed, replace_source)
    except EgoExoBenchError:
        raise
    except Exception as error:  # the unchanged clips were encoded before: the change is the cause
        message = f"{type(error).__name__}: {str(error)[:60]}".strip(": ")
        return ChangedEmbeddings(None, message)
    return ChangedEmbeddings(embeddings)


def _compare_side(
    change: Change,
    side: EmbeddingSide,
    *,
    before: Embeddings,
    after: ChangedEmbeddings,
    reference_shift: float,
) -> InvarianceCheck:
    if after.embeddings is None:
        return InvarianceCheck(
            change=change, embedding=side, shift=None, error=after.error, verdict="error"
        )
    changed = after.embeddings.get_side(side)
    assert changed is not None  # noqa: S101 - a method with texts has texts after any change
    shift = measure_shift(before, changed)
    verdict: InvarianceVerdict = "invariant"
    if change == "nudge":
        if shift.median > max(MAX_NUDGE_SHIFT * reference_shift, ROUNDING_TOLERANCE):
            verdict = "discontinuous"
    elif shift.num_moved:
        verdict = "nondeterministic" if change == "nothing" else "dependent"
    return InvarianceCheck(change=change, embedding=side, shift=shift, verdict=verdict)


def _embed_sample(
    trained: TrainedMethod,
    pairs: Sequence[Pair],
    changed: Sequence[Pair],
    replace_source: ReplaceSource,
) -> SplitEmbeddings:
    """Embed changed pairs with parts that are built after the change, and the trained weights."""
    with (
        TemporaryDirectory() as cache,
        _patched_dataset_class(trained.scored.dataset, pairs, changed),
    ):
        with part_code():
            parts = build_parts(trained.parts.resolved, trained.parts.device)
        sample = PairSubset(changed)
        inputs = prepare_inputs(
            sample,
            select_usable(sample, parts.method.name, allow_missing=False),
            parts=_wrap_encoders(parts, replace_source),
            options=InputOptions(
                missing_audio="mask",
                cache_dir=Path(cache),
                transcript_dir=Path(cache, "transcripts"),
            ),
            progress=NullProgress(),
        )
        with part_code():
            model = build_model(parts)
            model.load_state_dict(trained.model.state_dict())
            return embed_inputs(model, parts, inputs, (TEST_SPLIT,))


def _wrap_encoders(parts: MethodParts, replace_source: ReplaceSource) -> MethodParts:
    encoders = {
        role: replace(runner, encoder=wrap_encoder(runner.encoder, replace_source))
        for role, runner in parts.encoders.items()
    }
    captioner = parts.captioner
    if isinstance(captioner, AudioCaptioner):
        captioner = AudioCaptionerWrapper(captioner, replace_source)
    return replace(parts, encoders=encoders, captioner=captioner)


def _keep_source(source: Source) -> Source:
    return source


def _make_decoder(parts: MethodParts) -> ClipDecoder:
    """Return a function that decodes a clip as the encoders of a method get it."""
    modalities = {modality for run in parts.encoders.values() for modality in run.given_inputs}
    rates = [run.sample_rate for run in parts.encoders.values() if "audio" in run.given_inputs]
    if isinstance(parts.captioner, AudioCaptioner):
        modalities.add("audio")
        rates.append(parts.captioner.sample_rate)
    return partial(
        decode_clip,
        num_frames=parts.method.num_frames if "video" in modalities else 0,
        with_audio="audio" in modalities,
        sampling=parts.method.frame_sampling,
        sample_rate=rates[0] if rates else AUDIO_SAMPLE_RATE,
    )


@contextmanager
def _patched_dataset_class(
    dataset: Dataset, pairs: Sequence[Pair], changed: Sequence[Pair]
) -> Iterator[None]:
    """Let every data set of this class return the changed pairs and clips inside the block.

    One block at a time may be active: it waits until another one ends.
    """
    new_pairs = dict(zip((pair.id for pair in pairs), changed, strict=True))
    new_clips = {
        clip.id: new_clip
        for pair, new_pair in zip(pairs, changed, strict=True)
        for clip, new_clip in ((pair.ego, new_pair.ego), (pair.exo, new_pair.exo))
    }
    dataset_class = type(dataset)

    def list_changed_pairs(self: Dataset, split: Split) -> Sequence[Pair]:
        return [new_pairs.get(pair.id, pair) for pair in original_pairs(self, split)]

    def list_changed_clips(self: Dataset, split: Split) -> Sequence[Clip]:
        return [new_clips.get(clip.id, clip) for clip in original_clips(self, split)]

    with _PATCH_LOCK:
        original_pairs, original_clips = dataset_class.pairs, dataset_class.clips
        with replaced_methods(dataset_class, pairs=list_changed_pairs, clips=list_changed_clips):
            yield


@final
@dataclass(frozen=True, slots=True)
class PairSubset:
    """Some pairs as the test split of a data set without queries."""

    selected: Sequence[Pair]
    fingerprint: str = "sample"

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media exist already."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Return the clips of the pairs."""
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Return the pairs, all of them in the test split."""
        return self.selected if split == TEST_SPLIT else ()

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Return no queries."""
        del split, task
        return ()
