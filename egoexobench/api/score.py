"""`score`: embeddings or answers that were made elsewhere, from Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.api.arguments import ScoreArguments, check_arguments, name_argument
from egoexobench.api.experiments import make_progress
from egoexobench.api.installed_parts import load_installed_parts
from egoexobench.errors import UsageError
from egoexobench.part_errors import name_failing_part
from egoexobench.spec import Spec
from egoexobench.types import DEFAULT_NUM_TOP

if TYPE_CHECKING:
    from egoexobench.evaluation.answers import Answer
    from egoexobench.external.array_files import NamedArray
    from egoexobench.external.embeddings import ExternalEmbeddings
    from egoexobench.results.run_result import RunResult
    from egoexobench.types import Embeddings

    Vectors = Mapping[str, Any] | Embeddings | str | Path
    Headers = list[Mapping[str, str]]


def score(
    videos: Vectors | None = None,
    texts: Vectors | None = None,
    *,
    answers: Mapping[str, Mapping[str, Any]] | str | Path | None = None,
    dataset: str | Spec = "synthetic",
    tasks: str | Sequence[str] = "all",
    evidence: str = "unknown",
    text_evidence: str = "narration",
    name: str | None = None,
    authors: str | None = None,
    similarity: str | None = None,
    claims: Mapping[str, Any] | None = None,
    seed: int = 0,
    allow_missing: bool = False,
    allow_overlap: bool = False,
    out: str | Path = "runs",
    embeddings: bool = True,
    keep_top: int = DEFAULT_NUM_TOP,
    progress: bool | None = None,
) -> RunResult:
    """Score embeddings or answers that were made elsewhere, as `egoexobench score` does.

    Args:
        videos: vectors ``(D,)`` by id of the clip, `Embeddings` such as those of `embed`, or a file
            of the command. A file may have texts, too.
        texts: the same by id of the text; None scores clips alone.
        answers: instead of both, ``{"order": ...}``, ``{"scores": ...}`` or ``{"choice": ...}`` by
            id of the query, or a file of them.
        dataset: name of a data set, with its options: ``"folder:path=clips"``.
        tasks: ``"all"``, one task or several of ``eg2ex``, ``ex2eg``, ``t2v``, ``v2t``, ``scene``
            and ``action``.
        evidence: what videos were embedded from, or answers given from, as you claim it:
            ``"video,audio"``, also with ``narration`` and ``sound_caption``, or ``"unknown"``.
        text_evidence: the same for texts.
        name: of the method, in tables.
        authors: who made the embeddings or the answers.
        similarity: ``"cosine"`` or ``"dot"``; None is what a file says, or the cosine.
        claims: how clips were read: ``sampling``, ``frames``, ``resolution``, ``template``.
        seed: of the training that gave the embeddings or answers, and of random intervals.
        allow_missing: leave out what has no embedding or answer, and record how much.
        allow_overlap: go on if test clips have the content of clips of train or val, and record how
            many.
        out: folder of the record.
        embeddings: write the embeddings beside the record; without them ``verify`` cannot
            recompute the ranks.
        keep_top: first candidates of each query to write beside the record; 0 writes none.
        progress: show bars in a terminal and lines elsewhere; None does so, False shows none.

    Returns:
        The result; ``print(result)`` shows its table, ``result.frame()`` its scores.

    Raises:
        UsageError: for an argument that is not valid; the message names it.
        DataError: for ids, vectors or answers that are not those of the data set.
    """
    arguments = check_arguments(ScoreArguments, locals())
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.external_run import score_external
    from egoexobench.experiment.external_source import ExternalConfig
    from egoexobench.external.claims import parse_evidence, resolve_protocol

    registry = load_installed_parts()
    with name_argument("dataset"):
        registry.resolve("dataset", arguments.dataset)
    source, headers = _read_source(arguments)
    with name_argument("evidence"):
        claimed = parse_evidence(arguments.evidence)
    with name_argument("text_evidence"):
        claimed_texts = parse_evidence(arguments.text_evidence) or ()
    with name_argument("claims"):
        protocol = resolve_protocol(arguments.claims, headers, arguments.similarity)
    config = ExternalConfig(
        name=arguments.name
        or f"external-{'embeddings' if arguments.answers is None else 'answers'}",
        dataset=arguments.dataset,
        tasks=arguments.tasks,
        seed=arguments.seed,
        evidence=claimed,
        text_evidence=claimed_texts,
        authors=arguments.authors,
        protocol=protocol,
        headers=headers,
        allow_missing=arguments.allow_missing,
        allow_overlap=arguments.allow_overlap,
        out=arguments.out,
        keep_embeddings=arguments.embeddings,
        keep_top=arguments.keep_top,
    )
    context = RunContext(registry, make_progress(is_shown=arguments.progress))
    with name_failing_part(registry):
        return score_external(config, source, context)


def _read_source(
    arguments: ScoreArguments,
) -> tuple[ExternalEmbeddings | dict[str, Answer], Headers]:
    from egoexobench.external.embeddings import join_arrays

    if arguments.answers is not None:
        return _read_answers(arguments.answers), []
    headers: Headers = []
    videos = _read_side("videos", arguments.videos, headers)
    texts = [] if arguments.texts is None else _read_side("texts", arguments.texts, headers)
    return join_arrays(videos, texts), headers


def _read_side(argument: str, vectors: Vectors, headers: Headers) -> list[NamedArray]:
    from egoexobench.external.array_files import read_array_file
    from egoexobench.external.embeddings import to_named_array

    if not isinstance(vectors, str | Path):
        return [to_named_array(argument, vectors)]
    file = read_array_file(Path(vectors).expanduser())
    headers.append(file.metadata)
    if missing := [array.location for array in file.arrays if array.ids is None]:
        raise UsageError(
            f"argument {argument!r}: {'; '.join(missing)} without ids: give a dictionary of "
            "vectors by id, or a .npz, .safetensors or .pt file in which NAME_ids are the ids "
            "of array NAME"
        )
    return list(file.arrays)


def _read_answers(answers: Mapping[str, Mapping[str, Any]] | str | Path) -> dict[str, Answer]:
    from egoexobench.external.answers import read_answers
    from egoexobench.records.answers_file import parse_answers

    if isinstance(answers, str | Path):
        return read_answers(Path(answers).expanduser())
    lines = [json.dumps({"query": name, **item}, default=float) for name, item in answers.items()]
    return parse_answers("argument 'answers'", "\n".join(lines))
