"""Checks of the arguments of the Python functions, before any work is done."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from egoexobench.errors import (
    UsageError,
    WriteError,
    format_unknown_name,
    format_validation_reason,
)
from egoexobench.method import Scale
from egoexobench.spec import Spec, format_value
from egoexobench.types import (
    ALL_TASKS,
    FRAME_TASKS,
    MAX_SEED,
    RETRIEVAL_TASKS,
    TASKS,
    CandidatePolicy,
    Embeddings,
    Similarity,
    Split,
    Task,
)

Arguments = TypeVar("Arguments", bound=BaseModel)
MAX_VALUE_CHARS = 80
"""Length at which a wrong value is cut in a message."""


def _to_spec(value: object) -> object:
    if isinstance(value, Spec):
        return value
    if not isinstance(value, str):
        message = "expected a text such as 'soundbridge' or 'folder:path=clips', or a Spec"
        raise ValueError(message)
    try:
        return Spec.parse(value)
    except UsageError as error:
        raise ValueError(str(error)) from None


def _to_specs(value: object) -> object:
    if isinstance(value, str | Spec):
        value = (value,)
    if not isinstance(value, Iterable):
        message = "expected a tracker such as 'tensorboard' or a list of trackers"
        raise ValueError(message)
    return tuple(_to_spec(item) for item in value)


def _to_tasks(value: object) -> object:
    if isinstance(value, str):
        value = {"all": TASKS, "frames": FRAME_TASKS}.get(value, (value,))
    if not isinstance(value, Iterable):
        message = f"expected 'all', 'frames', a task or a list of tasks ({', '.join(ALL_TASKS)})"
        raise ValueError(message)
    names = [str(task) for task in value]
    if not names:
        message = "expected at least one task"
        raise ValueError(message)
    for name in names:
        if name not in ALL_TASKS:
            raise ValueError(format_unknown_name("task", name, ALL_TASKS))
    return tuple(task for task in ALL_TASKS if task in names)


def _to_overrides(value: object) -> object:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        return value
    return {key: _to_text(item) for key, item in value.items()}


def _to_text(value: object) -> object:
    match value:
        case None | bool() | int() | float() | Path():
            return format_value(value)
        case Real() | Spec():  # numbers of numpy as well
            return str(value)
    return value


def _to_integer(value: object) -> object:
    if isinstance(value, bool):
        message = "expected a whole number, 0 or more"
        raise ValueError(message)
    try:
        return operator.index(value)  # type: ignore[arg-type]  # whole numbers of numpy as well
    except TypeError:
        message = "expected a whole number, 0 or more"
        raise ValueError(message) from None


def _to_path(value: object) -> object:
    return Path(value).expanduser() if isinstance(value, str) and value else value


def _to_names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


SpecArgument = Annotated[Spec, BeforeValidator(_to_spec)]
SpecsArgument = Annotated[tuple[Spec, ...], BeforeValidator(_to_specs)]
PathArgument = Annotated[Path, BeforeValidator(_to_path)]
SeedArgument = Annotated[int, BeforeValidator(_to_integer), Field(ge=0, le=MAX_SEED)]
NameArgument = Annotated[str, StringConstraints(min_length=1)]


class _CheckedArguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class MethodArguments(_CheckedArguments):
    """The arguments of every function that trains a method."""

    method: SpecArgument
    dataset: SpecArgument
    seed: SeedArgument
    set: Annotated[dict[str, str], BeforeValidator(_to_overrides)]
    scale: Scale
    missing_audio: Literal["error", "skip", "mask"]
    train_on: SpecArgument | None
    allow_missing: bool
    allow_overlap: bool
    subset: PathArgument | None
    device: NameArgument
    precision: Literal["fp32", "bf16", "fp16"]
    workers: Annotated[int, BeforeValidator(_to_integer), Field(ge=0)] | None
    compile: bool
    micro_batch: Annotated[int, BeforeValidator(_to_integer), Field(ge=1)] | None
    encoder_batch: Annotated[int, BeforeValidator(_to_integer), Field(ge=1)] | None
    progress: bool | None


class RunArguments(MethodArguments):
    """The arguments of `run`."""

    tasks: Annotated[tuple[Task, ...], BeforeValidator(_to_tasks), Field(min_length=1)]
    out: PathArgument
    embeddings: bool
    keep_top: Annotated[int, BeforeValidator(_to_integer), Field(ge=0)]
    track: SpecsArgument


class ScoreArguments(_CheckedArguments):
    """The arguments of `score`."""

    videos: Any
    texts: Any
    answers: Mapping[str, Mapping[str, Any]] | str | Path | None
    dataset: SpecArgument
    tasks: Annotated[tuple[Task, ...], BeforeValidator(_to_tasks), Field(min_length=1)]
    evidence: NameArgument
    text_evidence: NameArgument
    name: NameArgument | None
    authors: NameArgument | None
    similarity: Similarity | None
    claims: Annotated[dict[str, str], BeforeValidator(_to_overrides)]
    seed: SeedArgument
    allow_missing: bool
    allow_overlap: bool
    out: PathArgument
    embeddings: bool
    keep_top: Annotated[int, BeforeValidator(_to_integer), Field(ge=0)]
    progress: bool | None

    @field_validator("videos", "texts")
    @classmethod
    def _check_vectors(cls, value: Any) -> Any:
        if value is None or isinstance(value, Mapping | Embeddings | str | Path):
            return value
        message = "expected vectors by id, Embeddings or a file"
        raise ValueError(message)

    @field_validator("answers")
    @classmethod
    def _check_source(cls, value: Any, info: ValidationInfo) -> Any:
        has_videos = info.data.get("videos") is not None
        if has_videos == (value is not None) or (value is not None and info.data.get("texts")):
            message = "expected either videos, with or without texts, or answers"
            raise ValueError(message)
        return value


class SubmitArguments(_CheckedArguments):
    """The arguments of `submit`; fields of the card may be None."""

    to: PathArgument
    name: str | None
    card: Annotated[Mapping[str, Any] | Path | None, BeforeValidator(_to_path)]
    method: NameArgument | None
    authors: Annotated[tuple[NameArgument, ...] | None, BeforeValidator(_to_names)]
    paper: NameArgument | None
    code: NameArgument | None
    license: NameArgument | None
    training_data: NameArgument | None


class AnswerArguments(_CheckedArguments):
    """The arguments of `answer`."""

    answerer: SpecArgument
    dataset: SpecArgument
    tasks: Annotated[tuple[Task, ...], BeforeValidator(_to_tasks), Field(min_length=1)]
    policy: CandidatePolicy
    max_queries: Annotated[int, BeforeValidator(_to_integer), Field(ge=1)] | None
    name: NameArgument | None
    seed: SeedArgument
    retry: bool
    allow_missing: bool
    allow_overlap: bool
    export: PathArgument | None
    out: PathArgument
    progress: bool | None

    @field_validator("tasks")
    @classmethod
    def _check_tasks(cls, value: tuple[Task, ...]) -> tuple[Task, ...]:
        if foreign := [task for task in value if task not in RETRIEVAL_TASKS]:
            message = f"{foreign[0]} has no candidates; choose from {', '.join(RETRIEVAL_TASKS)}"
            raise ValueError(message)
        return value


class RerunArguments(_CheckedArguments):
    """The arguments of `rerun`; None keeps what the record says."""

    record: PathArgument
    out: PathArgument
    method: SpecArgument | None
    dataset: SpecArgument | None
    tasks: Annotated[tuple[Task, ...], BeforeValidator(_to_tasks)] | None
    seed: SeedArgument | None
    set: Annotated[dict[str, str], BeforeValidator(_to_overrides)]
    train_on: SpecArgument | None
    subset: PathArgument | None
    device: NameArgument | None
    precision: Literal["fp32", "bf16", "fp16"] | None
    track: SpecsArgument
    progress: bool | None


class DatasetArguments(_CheckedArguments):
    """The argument of `dataset`."""

    spec: SpecArgument


class PartArguments(_CheckedArguments):
    """The arguments of `list_parts` and `show_part`."""

    kind: NameArgument | None
    name: NameArgument | None = None


class EmbedArguments(MethodArguments):
    """The arguments of `embed`."""

    split: Split


def to_paths(path: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the argument ``path`` as paths: one, or several.

    Raises:
        UsageError: for a value that is no path, or no path at all.
    """
    if isinstance(path, str | Path):
        path = [path]
    if not isinstance(path, Iterable):
        raise UsageError(f"argument 'path': expected a path or a list of paths, got {_quote(path)}")
    paths = list(path)
    if not paths:
        raise UsageError("argument 'path': expected at least one path, got an empty list")
    for item in paths:
        if not isinstance(item, str | Path):
            raise UsageError(
                f"argument 'path': expected a path or a list of paths, got {_quote(item)}"
            )
    return [Path(item).expanduser() for item in paths]


def check_arguments(model: type[Arguments], values: Mapping[str, Any]) -> Arguments:
    """Return the arguments as the harness uses them.

    Raises:
        UsageError: for the first argument with a wrong type or value; the message names it.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"][:2] if str(part).isidentifier())
        reason = format_validation_reason(first)
        value = "" if "Available:" in reason else f"; got {_quote(first['input'])}"
        raise UsageError(f"argument {path!r}: {reason}{value}") from None


@contextmanager
def name_argument(name: str) -> Iterator[None]:
    """Put the name of an argument in front of the message of an error inside.

    Raises:
        UsageError: for an argument that is not valid, or that names what cannot be written.
    """
    try:
        yield
    except (UsageError, WriteError) as error:
        raise UsageError(f"argument {name!r}: {error}") from None


def _quote(value: object) -> str:
    """Return a value as one short line; the text of an array has many."""
    text = " ".join(repr(value).split())
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}..."
