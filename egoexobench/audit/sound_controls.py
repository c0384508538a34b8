"""Scores a method with the sound of one view left out, and with inputs of other takes.

Synchronous cameras record one event, so that comparing two sounds answers which clips belong
together. These conditions show how much of a score that is. No weights change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from egoexobench.audit.joint_swap import encode_swapped
from egoexobench.audit.modality_swap import list_banks, put_rows, replace_rows
from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.experiment.scorer_ranker import create_ranker
from egoexobench.experiment.scorer_training import train_scorer
from egoexobench.experiment.scoring import TaskScorer, get_input_protocol, score_tasks
from egoexobench.experiment.shortcuts_ahead import describe_shortcut_data
from egoexobench.features.feature_file import FeatureRows
from egoexobench.progress import NullProgress
from egoexobench.records.control_report import ControlName, ControlReport, ControlScores
from egoexobench.records.convert import to_record_score
from egoexobench.records.schema import ScoreRecord
from egoexobench.shortcuts.run import score_shortcuts
from egoexobench.types import RETRIEVAL_TASKS, VIEWS, Clip, Evidence, Task, View

Origins = Mapping[str, str | None]
"""Each clip id to the id of the clip whose input it gets; None: it gets none."""


@dataclass(frozen=True, slots=True)
class InputControl:
    """One change of the inputs of the test split."""

    name: ControlName
    description: str
    modality: Evidence
    views: tuple[View, ...]
    is_masked: bool
    """Whether the input is left out; otherwise it is that of a clip of another take."""


def _mask_sound(name: ControlName, description: str, views: tuple[View, ...]) -> InputControl:
    return InputControl(name, description, modality="audio", views=views, is_masked=True)


CONTROLS = (
    _mask_sound("no ego sound", "ego clips without their sound", ("ego",)),
    _mask_sound("no exo sound", "exo clips without their sound", ("exo",)),
    _mask_sound("no sound", "all clips without their sound", VIEWS),
    InputControl(
        name="exo sound swapped",
        description="exo clips with the sound of another take",
        modality="audio",
        views=("exo",),
        is_masked=False,
    ),
    InputControl(
        name="pictures swapped",
        description="all clips with the pictures of another take",
        modality="video",
        views=VIEWS,
        is_masked=False,
    ),
)


def score_controls(config: RunConfig, context: RunContext) -> ControlReport:
    """Train a method, or load its weights, and score it under every condition.

    Args:
        config: the method, the data set and the tasks; those of recognition are left out.
        context: creates the parts and shows the stages.

    Raises:
        UsageError: for a name or an option that is not valid, if there is no retrieval task, or
            if the features of the method were made elsewhere.
        DataError: for a file, a row or a clip that cannot be used.
    """
    tasks = [task for task in config.tasks if task in RETRIEVAL_TASKS]
    if not tasks:
        raise UsageError(
            f"controls change what retrieval reads; give --task {' or '.join(RETRIEVAL_TASKS)}"
        )
    trained = train_method(config, context)
    if claims := trained.parts.claims:
        raise UsageError(
            f"the features of {' and '.join(claims)} were made elsewhere, so that no input of "
            "theirs can be left out; give the encoder that made them"
        )
    trained = train_scorer(trained, context.progress)
    inputs = trained.scored.inputs
    scored = _score_inputs(trained, inputs, tasks)
    controls = [
        ControlScores(name="scored", description="as in a run", num_changed=0, scores=scored)
    ]
    with context.progress.stage("controls", len(CONTROLS)) as advance:
        for control in CONTROLS:
            origins = choose_origins(control, inputs, trained.parts.seed)
            changed = change_inputs(trained, control.modality, origins)
            controls.append(
                ControlScores(
                    name=control.name,
                    description=control.description,
                    num_changed=len(origins) if changed else 0,
                    scores=_score_inputs(trained, changed, tasks) if changed else scored,
                )
            )
            advance(1)
    return ControlReport(
        method=trained.record,
        dataset=trained.scored.record,
        seed=trained.parts.seed,
        num_without_sound=len(_list_silent(inputs)),
        controls=tuple(controls),
        synchrony=_score_synchrony(trained, tasks, context),
    )


def choose_origins(control: InputControl, inputs: PreparedInputs, seed: int) -> Origins:
    """Return what each clip gets that a control changes; clips without the input stay as they are.

    Both clips of a pair get the inputs of different takes, as far as there are three.
    """
    silent = _list_silent(inputs) if control.modality == "audio" else frozenset[str]()
    clips = [clip for clip in inputs.clips[TEST_SPLIT] if clip.id not in silent]
    by_view = {view: [clip for clip in clips if clip.view == view] for view in control.views}
    if control.is_masked:
        return {clip.id: None for group in by_view.values() for clip in group}
    origins: dict[str, str | None] = {}
    for view, group in by_view.items():
        origins |= swap_takes(group, seed, is_reversed=view == "exo")
    return origins


def swap_takes(clips: Sequence[Clip], seed: int, *, is_reversed: bool) -> dict[str, str]:
    """Map clips of one view to clips of other takes, each to a different one.

    The takes are put on a circle in a seeded order, their clips in another one, and every clip
    moves by as many places as the largest take has clips. A take that has more than half of all
    clips cannot be left by all of them: those that would get an input of their own take are not in
    the result.
    """
    by_take: dict[str, list[str]] = {}
    clips = sorted(clips, key=lambda clip: clip.id)
    # shuffled: else a clip would get the input of the same step, where takes have the same steps
    for index in (rng := np.random.default_rng(seed)).permutation(len(clips)):
        by_take.setdefault(clips[index].take, []).append(clips[index].id)
    names = sorted(by_take)
    order = rng.permutation(len(names))
    circle = [(names[index], item) for index in order for item in by_take[names[index]]]
    step = max(map(len, by_take.values()), default=0)
    step = -step if is_reversed else step
    return {
        item: origin
        for (take, item), (other, origin) in zip(
            circle, [*circle[step:], *circle[:step]], strict=True
        )
        if take != other
    }


def change_inputs(
    trained: TrainedMethod, modality: Evidence, origins: Origins
) -> PreparedInputs | None:
    """Return inputs in which clips have the input of others, or none; None if nothing reads it.

    Args:
        trained: a method; of a frozen joint encoder, the clips are read and encoded again.
        modality: ``video`` or ``audio``.
        origins: the clips that change.
    """
    inputs = trained.scored.inputs
    features = inputs.features
    changed: dict[str, Any] = {}
    for name in list_banks(features, modality):
        bank = getattr(features, name)
        present = {item: origin for item, origin in origins.items() if item in bank.index}
        changed[name] = replace_rows(bank, present)
    if features.joint is not None and features.joint_audio is None and origins:
        encoded = encode_swapped(trained, modality, origins)
        if encoded is not None:
            rows = {name: FeatureRows(encoded.get(name), "") for name in encoded.index}
            changed["joint"] = put_rows(features.joint, rows)
    if not changed or not origins:
        return None
    return replace(inputs, features=replace(features, **changed))


def _list_silent(inputs: PreparedInputs) -> frozenset[str]:
    """Return the ids of the test clips without sound."""
    without_sound = inputs.features.without_sound
    return frozenset(clip.id for clip in inputs.clips[TEST_SPLIT] if clip.id in without_sound)


def _score_inputs(
    trained: TrainedMethod, inputs: PreparedInputs, tasks: Sequence[Task]
) -> tuple[ScoreRecord, ...]:
    changed = replace(trained, scored=replace(trained.scored, inputs=inputs))
    scorer = TaskScorer(
        dataset=trained.scored.dataset,
        name=trained.scored.record.name,
        ranker=create_ranker(changed, embed_split(changed, (TEST_SPLIT,))),
        protocol=get_input_protocol(trained.parts),
        seed=trained.parts.seed,
    )
    tracks = score_tasks(scorer, tasks, NullProgress()).tracks
    return tuple(to_record_score(item.track, item.score) for item in tracks)


def _score_synchrony(
    trained: TrainedMethod, tasks: Sequence[Task], context: RunContext
) -> tuple[ScoreRecord, ...]:
    rows = score_shortcuts(describe_shortcut_data(trained.scored), tasks, context.progress)
    return tuple(score for row in rows if row.name == "synchrony" for score in row.scores)
