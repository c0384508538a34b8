"""The contract of each kind of part, as checks that a plug-in's own tests can call.

Each raises `AssertionError` with one line that says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows
from egoexobench.method import ROLES, Method, check, settings
from egoexobench.protocols import (
    Anchor,
    Captioner,
    Dataset,
    Encoder,
    Fusion,
    Objective,
)
from egoexobench.toolbox.captions import CAPTION_PATTERN
from egoexobench.types import RETRIEVAL_TASKS, SPLITS, VIEWS, Audio, Clip, Frames, Pair, Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from egoexobench.registry import Registry

TOLERANCE = 1e-5


def check_dataset(dataset: Dataset) -> None:
    """Ids are unique, splits share no take, pairs and questions point at what is there."""
    _require(isinstance(dataset, Dataset), "it lacks a member of interfaces.Dataset")
    _require(bool(dataset.fingerprint), "its fingerprint is empty")
    takes: dict[str, str] = {}
    for split in SPLITS:
        clips = dataset.clips(split)
        ids = [clip.id for clip in clips]
        _require(len(set(ids)) == len(ids), f"clip ids of split {split} are not unique")
        for clip in clips:
            _check_clip(clip)
            _require(
                takes.setdefault(clip.take, split) == split,
                f"take {clip.take!r} is in splits {takes[clip.take]} and {split}",
            )
        _check_pairs(dataset.pairs(split), set(ids), split)
        _check_queries(dataset, split)


def check_captioner(captioner: Captioner) -> None:
    """One closed caption a narration, in order, the same for the same narration."""
    narrations = ["A person takes the garlic, then opens the jar.", "", "Nothing. " * 200, "切蒜"]
    captions = list(captioner.caption(narrations))
    _require(len(captions) == len(narrations), f"{len(captions)} captions for 4 narrations")
    for caption in captions:
        _require(
            CAPTION_PATTERN.fullmatch(caption) is not None, f"{caption!r} is no closed caption"
        )
    again = list(captioner.caption(narrations[::-1]))[::-1]
    _require(captions == again, "the order of narrations changes their captions")


def check_encoder(encoder: Encoder, *, seed: int = 0) -> None:
    """Token shapes, and tokens that depend on nothing but their own source."""
    _require(isinstance(encoder, Encoder), "it lacks a member of interfaces.Encoder")
    sources = _sources(encoder.modality, seed)
    arrays = [encoder.prepare(source) for source in sources]
    again = [encoder.prepare(source) for source in sources]
    same = all(np.array_equal(a, b) for a, b in zip(arrays, again, strict=True))
    _require(same, "prepare gives other numbers for the same source")
    names = [str(i) for i in range(len(arrays))]
    bank = FeatureBank(names, [FeatureRows(array, "") for array in arrays])
    with torch.inference_mode():
        whole = encoder.encode(*_batch(bank, names))
        _require(whole.values.ndim == 3, f"token values have {whole.values.ndim} axes, not B, T, D")
        _require(whole.values.shape[2] == encoder.dim, f"tokens are not {encoder.dim} wide")
        _require(whole.mask.shape == whole.values.shape[:2], "the mask is not (B, T)")
        _require(bool(torch.isfinite(whole.values[whole.mask]).all()), "a token is not finite")
        for i, name in enumerate(names):
            alone = encoder.encode(*_batch(bank, [name]))
            close = _close(whole.values[i][whole.mask[i]], alone.values[0][alone.mask[0]])
            _require(close, "a token depends on the rest of its batch or on padding")


def check_fusion(make: Callable[[int], Fusion], *, width: int = 16, seed: int = 0) -> None:
    """Reads its query, ignores padding and the rest of the batch, survives an empty query."""
    torch.manual_seed(seed)
    fusion = make(width)
    if isinstance(fusion, torch.nn.Module):
        fusion.eval()
    query, context = _tokens(4, 5, width), _tokens(4, 3, width)
    with torch.inference_mode():
        whole = fusion(query, context)
        _require(whole.ndim == 2 and len(whole) == 4, f"gave {tuple(whole.shape)}, not (B, D)")
        swapped = fusion(Tokens(query.values.roll(1, 0), query.mask), context)
        _require(not _close(whole, swapped), "another query gives the same embedding")
        alone = fusion(_rows(query, 1), _rows(context, 1))
        _require(_close(whole[:1], alone), "an embedding depends on the rest of its batch")
        padded = fusion(_pad(query), _pad(context))
        _require(_close(whole, padded), "padding changes an embedding")
        empty = Tokens(query.values, torch.zeros_like(query.mask))
        heard = fusion(empty, context)
        _require(bool(torch.isfinite(heard).all()), "an empty query gives NaN")
        other = fusion(empty, Tokens(context.values.roll(1, 0), context.mask))
        _require(not _close(heard, other), "an empty query does not fall back on the context")


def check_anchor(anchor: Anchor, *, seed: int = 0) -> None:
    """Two targets of the right shape from what it says it needs, and from all of it."""
    torch.manual_seed(seed)
    given = {need: torch.randn(4, 8) for need in anchor.required_inputs}
    targets = anchor(given)
    _require(len(targets) == 2, f"gave {len(targets)} targets, not one for each view")
    for need in anchor.required_inputs:
        moved = anchor({**given, need: given[need] + 1})
        same = all(_close(a, b) for a, b in zip(targets, moved, strict=True))
        _require(not same, f"says that it needs {need} and does not use it")


def check_objective(objective: Objective, *, seed: int = 0) -> None:
    """A finite scalar with gradients, smaller for matched than for mismatched pairs."""
    torch.manual_seed(seed)
    pairs = [_pair(i) for i in range(6)]
    target = torch.nn.functional.normalize(torch.randn(6, 32), dim=-1)
    video = target.clone().requires_grad_()
    right = objective(video, video, target, target, pairs)
    _require(right.ndim == 0 and bool(torch.isfinite(right)), "the loss is no finite scalar")
    right.backward()  # type: ignore[no-untyped-call]
    _require(video.grad is not None and bool(video.grad.abs().sum() > 0), "gives no gradient")
    moved = target.roll(1, 0)
    wrong = objective(target, target, moved, moved, pairs)
    _require(bool(right < wrong), "mismatched pairs do not cost more than matched ones")


def check_method(method: Method, registry: Registry) -> None:
    """Every part that it names exists, and its options are of the right type."""
    check(method)
    specs = settings(method)
    for role, kind in ROLES.items():
        if specs[role]:
            registry.resolve(kind, specs[role])


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def _check_clip(clip: Clip) -> None:
    _require(clip.view in VIEWS, f"clip {clip.id}: view {clip.view!r}")
    _require(clip.start >= 0, f"clip {clip.id}: starts at {clip.start} s")
    _require(clip.end is None or clip.end > clip.start, f"clip {clip.id}: its span is empty")


def _check_pairs(pairs: Sequence[Pair], clips: set[str], split: str) -> None:
    for pair in pairs:
        _require((pair.ego.view, pair.exo.view) == VIEWS, f"pair {pair.id}: its views are mixed up")
        inside = {pair.ego.id, pair.exo.id} <= clips
        _require(inside, f"pair {pair.id} has a clip that is not in split {split}")


def _check_queries(dataset: Dataset, split: Any) -> None:
    clips = {clip.id for clip in dataset.clips(split)}
    texts = {pair.id for pair in dataset.pairs(split)} | clips  # a clip's narration is a text too
    for task in RETRIEVAL_TASKS:
        for query in dataset.queries(split, task):
            asks = texts if task == "t2v" else clips
            answers = texts if task == "v2t" else clips
            _require(query.source in asks, f"{task}: {query.source!r} is no source")
            _require(set(query.gallery.ids) <= answers, f"{task}: a candidate is not there")
            _require(bool(query.positives), f"{task}: a query has no positive")
            in_range = all(0 <= index < len(query.gallery.ids) for index in query.positives)
            _require(in_range, f"{task}: a positive is out of range")
            once = len(set(query.gallery.ids)) == len(query.gallery.ids)
            _require(once, f"{task}: a candidate of {query.source!r} stands twice")


def _sources(modality: str, seed: int) -> list[Frames | Audio | str]:
    rng = np.random.default_rng(seed)
    if modality == "text":
        return ["a person takes the garlic", "one", "", "C öffnet das Glas 罐"]
    if modality == "audio":
        lengths = (16_000, 24_000, 64_000)
        waves = [rng.uniform(-0.5, 0.5, n).astype(np.float32) for n in lengths]
        return [Audio(wave, 16_000) for wave in waves]
    times = np.arange(4) / 8
    sizes = ((64, 64), (96, 128), (64, 64))
    pictures = [rng.integers(0, 256, (4, *size, 3), dtype=np.uint8) for size in sizes]
    return [Frames(picture, times) for picture in pictures]


def _batch(bank: FeatureBank, names: list[str]) -> tuple[Tensor, Tensor]:
    tokens = bank.batch(names)
    return tokens.values, tokens.mask


def _tokens(batch: int, count: int, width: int) -> Tokens:
    return Tokens(torch.randn(batch, count, width), torch.ones(batch, count, dtype=torch.bool))


def _rows(tokens: Tokens, count: int) -> Tokens:
    return Tokens(tokens.values[:count], tokens.mask[:count])


def _pad(tokens: Tokens) -> Tokens:
    noise = torch.randn_like(tokens.values[:, :2])
    shut = torch.zeros_like(tokens.mask[:, :2])
    return Tokens(torch.cat([tokens.values, noise], 1), torch.cat([tokens.mask, shut], 1))


def _pair(i: int) -> Pair:
    words = (f"verb{i}",), (f"noun{i}",)
    ego, exo = (
        Clip(f"{i}/{view}", view, "", 0.0, 1.0, f"text {i}", str(i), None, *words) for view in VIEWS
    )
    return Pair(str(i), ego, exo, f"text {i}")


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.allclose(a, b, atol=TOLERANCE, rtol=TOLERANCE))
