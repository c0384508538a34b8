"""Computes tokens and embeddings once more under other conditions, and compares with the scored.

The parts and the model are built again, so that no state of an earlier call is in them. A clip or a
text must get the same tokens and the same embedding alone, in another order, beside other
companions and with padding: up to rounding, whose size depends on the precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.device import Precision
from egoexobench.experiment.build import MethodParts, build_encoder, build_model
from egoexobench.experiment.embed import EmbeddingSide, SplitEmbeddings
from egoexobench.experiment.inputs import PreparedInputs, collect_narrations
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.features.batch_plan import BatchPlan
from egoexobench.features.encode_again import (
    PreparedItems,
    encode_prepared,
    nudge_last_bit,
    prepare_clips,
    prepare_texts,
)
from egoexobench.features.encoder_runner import EncoderRunner, split_stored_inputs
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.import_beats import AUDIO_STATE
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs, embed_clips, embed_texts
from egoexobench.records.audit import CONDITION_DESCRIPTIONS, BatchCondition
from egoexobench.types import VIEWS, Clip, Embeddings

PLANS: Mapping[BatchCondition, BatchPlan] = {
    "alone": BatchPlan(seed=1, size=1, views=VIEWS[::-1]),
    "order": BatchPlan(seed=2, views=VIEWS[::-1]),
    "companions": BatchPlan(seed=3, size=5, views=VIEWS[::-1]),
    "padding": BatchPlan(seed=4, size=1, views=VIEWS[::-1], is_padded=True),
}
"""How items are put into batches under each condition. What was scored began with the ego view."""
_ROLES_BY_BANK = {"narration": "text", "caption": "text"}
"""Role of the encoder of a bank whose name is another."""
SPREAD_RATIO = 0.01
"""Part of the distance between the embeddings of different items that rounding may not exceed."""


@dataclass(frozen=True, slots=True)
class RoundingLimit:
    """Relative distances up to which rounding explains a difference.

    ``largest`` holds in general. Where all embeddings lie close together, the limit is a part of
    their spread, but not below ``smallest``.
    """

    largest: float
    smallest: float


ROUNDING_LIMITS: Mapping[Precision, RoundingLimit] = {
    "fp32": RoundingLimit(1e-4, 3e-6),
    "fp16": RoundingLimit(1e-2, 2e-3),
    "bf16": RoundingLimit(5e-2, 1e-2),
}
"""Sums of another order differ by about 10 units of the last place in deep networks (2^-24 of a
number in fp32, 2^-11 in fp16, 2^-8 in bf16). A distance of 1e-4 is a cosine distance of 5e-9."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far the tokens or the embeddings of some items are from those that were scored."""

    part: str
    """Label of the part that computed them."""
    role: str
    """Role of the encoder; `video` or `text` embedding."""
    is_embedding: bool
    condition: BatchCondition
    ids: tuple[str, ...]
    distances: NDArray[np.float64]
    """Length of the difference, relative to the length of what was scored."""
    tolerance: float

    @property
    def is_within(self) -> bool:
        """Whether rounding explains every difference."""
        return bool((self.distances <= self.tolerance).all())


@dataclass(frozen=True, slots=True)
class RebuiltMethod:
    """A trained method whose encoders and fusions were built again, and what was scored."""

    parts: MethodParts
    model: EmbeddingModel
    inputs: PreparedInputs
    scored: SplitEmbeddings


@dataclass(frozen=True, slots=True)
class Selection:
    """Clips and texts to compute again."""

    clips: Sequence[Clip]
    text_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class PreparedSelection:
    """Prepared arrays of a selection by encoder role or text bank; imported tokens are left out."""

    clips: Mapping[str, PreparedItems]
    texts: Mapping[str, PreparedItems]


def rebuild_method(trained: TrainedMethod, scored: SplitEmbeddings) -> RebuiltMethod:
    """Build encoders and fusions again, with the trained weights and without compilation."""
    device = replace(trained.parts.device, compile=False)
    encoders = {
        role: build_encoder(trained.parts.resolved, role, device) for role in trained.parts.encoders
    }
    parts = replace(trained.parts, encoders=encoders, device=device)
    model = build_model(parts)
    model.load_state_dict(trained.model.state_dict())
    model.eval()
    return RebuiltMethod(parts, model, trained.scored.inputs, scored)


def prepare_selection(method: RebuiltMethod, selection: Selection) -> PreparedSelection:
    """Decode clips and prepare texts again.

    Raises:
        DataError: if a clip does not decode.
        PartError: if an encoder returns no array.
    """
    inputs, parts = method.inputs, method.parts
    computing = {
        role: runner for role, runner in parts.encoders.items() if not runner.feature_source
    }
    clips = prepare_clips(
        selection.clips if parts.reads_media else (),
        split_stored_inputs(computing),
        num_frames=parts.method.num_frames,
        sampling=parts.method.frame_sampling,
    )
    computed = {
        role: _leave_out_imported(items, _get_bank(inputs.features, role))
        for role, items in clips.items()
    }
    texts: dict[str, PreparedItems] = {}
    if "text" in computing and selection.text_ids:
        narrations = collect_narrations(inputs.selected, inputs.text_ids)
        template = parts.method.text_template
        prompts = {name: template.replace("{}", narrations[name]) for name in selection.text_ids}
        texts["narration"] = prepare_texts(prompts, parts.encoders["text"])
        if "text_audio" in parts.encoders:
            texts["text_audio"] = prepare_texts(prompts, parts.encoders["text_audio"])
        if inputs.captions is not None:
            captions = {name: inputs.captions.captions.get(name) for name in selection.text_ids}
            texts["caption"] = prepare_texts(captions, parts.encoders["text"])
    return PreparedSelection({role: items for role, items in computed.items() if items}, texts)


def measure_from_source(
    method: RebuiltMethod,
    selection: Selection,
    prepared: PreparedSelection,
    condition: BatchCondition,
) -> Iterator[Deviation]:
    """Encode and embed a selection under a condition; yield the deviation of each stage.

    Raises:
        PartError: if a part returns something wrong.
    """
    banks: dict[str, FeatureBank] = {}
    runners = split_stored_inputs(method.parts.encoders)
    for name, items in {**prepared.clips, **prepared.texts}.items():
        role = _ROLES_BY_BANK.get(name, name)
        runner, stored = runners[role], _get_bank(method.inputs.features, name)
        bank = encode_prepared(runner, _nudge_items(items, condition), PLANS[condition])
        yield _compare_tokens(runner, role, condition, bank=bank, stored=stored)
        banks[name] = bank
    yield from _measure_embeddings(method, selection, condition, banks)


def measure_from_tokens(
    method: RebuiltMethod, selection: Selection, condition: BatchCondition
) -> Iterator[Deviation]:
    """Embed a selection from stored tokens under a condition; yield the deviation of each side.

    Raises:
        PartError: if a part returns something wrong.
    """
    yield from _measure_embeddings(method, selection, condition, {})


def describe_deviation(deviation: Deviation) -> str:
    """Return one line about the item that is farthest from what was scored."""
    index = int(np.argmax(deviation.distances))
    item = "text" if deviation.role.startswith("text") else "clip"
    result = (
        "another embedding than the one that was"
        if deviation.is_embedding
        else "other tokens than those that were"
    )
    condition = CONDITION_DESCRIPTIONS[deviation.condition]
    return (
        f"{item} {deviation.ids[index]} {condition} has {result} scored "
        f"(distance {deviation.distances[index]:.2g}, rounding explains {deviation.tolerance:.2g})"
    )


def _measure_embeddings(
    method: RebuiltMethod,
    selection: Selection,
    condition: BatchCondition,
    banks: Mapping[str, FeatureBank],
) -> Iterator[Deviation]:
    """Embed from new tokens where there are some, and from stored ones elsewhere."""
    clip_ids = [clip.id for clip in selection.clips]
    if clip_ids:
        features = _replace_banks(method.inputs.features, banks, clip_ids, condition)
        videos = embed_clips(method.model, features, selection.clips, plan=PLANS[condition])
        yield _compare_vectors(method, "video", condition, videos)
    if selection.text_ids:
        features = _replace_banks(method.inputs.features, banks, selection.text_ids, condition)
        texts = embed_texts(
            method.model,
            features,
            selection.text_ids,
            method.parts.eval_text,
            plan=PLANS[condition],
        )
        yield _compare_vectors(method, "text", condition, texts)


def _replace_banks(
    features: FeatureInputs,
    banks: Mapping[str, FeatureBank],
    names: Sequence[str],
    condition: BatchCondition,
) -> FeatureInputs:
    """Return the rows of some items: new ones, or stored ones where there are none."""
    nudges = condition == "alone"

    def select_bank(role: str, stored: FeatureBank | None) -> FeatureBank | None:
        return stored and _select_rows(stored, banks.get(role), names, nudges=nudges)

    return FeatureInputs(
        video=select_bank("video", features.video),
        audio=select_bank("audio", features.audio),
        narration=select_bank("narration", features.narration),
        caption=select_bank("caption", features.caption),
        video_exo=select_bank("video_exo", features.video_exo),
        text_audio=select_bank("text_audio", features.text_audio),
        joint=select_bank("joint", features.joint),
        joint_audio=select_bank("joint_audio", features.joint_audio),
    )


def _select_rows(
    stored: FeatureBank, computed: FeatureBank | None, names: Sequence[str], *, nudges: bool
) -> FeatureBank:
    rows: list[FeatureRows] = []
    present = [name for name in names if name in stored.index]
    for name in present:
        bank = computed if computed is not None and name in computed.index else stored
        array = bank.rows[bank.index[name]]
        rows.append(FeatureRows(nudge_last_bit(array) if nudges else array, ""))
    return FeatureBank(present, rows, stored.shape, stored.dtype)


def _nudge_items(items: PreparedItems, condition: BatchCondition) -> PreparedItems:
    """Change the last bit of arrays that are encoded alone; see `nudge_last_bit`."""
    if condition != "alone":
        return items
    return {
        name: replace(
            item, arrays=tuple(None if a is None else nudge_last_bit(a) for a in item.arrays)
        )
        for name, item in items.items()
    }


def _compare_tokens(
    runner: EncoderRunner,
    role: str,
    condition: BatchCondition,
    *,
    bank: FeatureBank,
    stored: FeatureBank,
) -> Deviation:
    ids = tuple(bank.index)
    pairs = ((bank.rows[bank.index[name]], stored.rows[stored.index[name]]) for name in ids)
    return Deviation(
        part=runner.label,
        role=role,
        is_embedding=False,
        condition=condition,
        ids=ids,
        distances=np.array([_measure_rows(rows, scored) for rows, scored in pairs]),
        tolerance=ROUNDING_LIMITS[runner.precision].largest,
    )


def _measure_rows(rows: NDArray[np.generic], scored: NDArray[np.generic]) -> float:
    if rows.shape != scored.shape:
        return 0.0 if not rows.size and not scored.size else np.inf
    after, before = rows.astype(np.float64), scored.astype(np.float64)
    difference, length = np.linalg.norm(after - before), np.linalg.norm(before)
    return float(difference / length) if length else float(difference)


def _compare_vectors(
    method: RebuiltMethod, side: EmbeddingSide, condition: BatchCondition, embedded: Embeddings
) -> Deviation:
    scored = method.scored.get_side(side)
    assert scored is not None  # noqa: S101 - a method with texts was scored with texts
    before = scored.vectors[[scored.index[name] for name in embedded.ids]].double()
    after = embedded.vectors.double()
    lengths = before.norm(dim=1)
    distances = (after - before).norm(dim=1) / torch.where(lengths > 0, lengths, 1.0)
    return Deviation(
        part=_describe_parts(method.parts, side),
        role=side,
        is_embedding=True,
        condition=condition,
        ids=embedded.ids,
        distances=distances.nan_to_num(torch.inf).numpy(),
        tolerance=_get_tolerance(scored.vectors, method.parts.device.precision),
    )


def _get_tolerance(vectors: Tensor, precision: Precision) -> float:
    limit = ROUNDING_LIMITS[precision]
    distances = (vectors - vectors.mean(0)).norm(dim=1) / vectors.norm(dim=1).median()
    spread = float(distances.median().nan_to_num(torch.inf)) if len(vectors) > 1 else 1.0
    return min(limit.largest, max(limit.smallest, SPREAD_RATIO * spread))


def _describe_parts(parts: MethodParts, side: EmbeddingSide) -> str:
    """Return the labels of the parts between the stored rows and an embedding."""
    fusion_role = f"{side}_fusion"
    media_roles = ("video", "video_exo", "audio", "joint")
    roles = ("text", "text_audio") if side == "text" else media_roles
    trained = [
        role for role in roles if role in parts.encoders and not parts.encoders[role].encoder.frozen
    ]
    labels = [parts.resolved.labels[role] for role in trained]
    if fusion_role in parts.resolved.parts:
        labels.append(parts.resolved.labels[fusion_role])
    return " or ".join(labels) or f"the {side} embedding of {parts.method.name!r}"


def _leave_out_imported(items: PreparedItems, bank: FeatureBank) -> PreparedItems:
    """Return the items whose tokens were computed by the encoder, and not imported from a file."""
    return {
        name: item for name, item in items.items() if bank.states[bank.index[name]] != AUDIO_STATE
    }


def _get_bank(features: FeatureInputs, role: str) -> FeatureBank:
    bank: FeatureBank = getattr(features, role)
    return bank
