"""`egoexobench score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egoexobench.cli.common_options import (
    ALLOW_OVERLAP_OPTION,
    DATASET_OPTION,
    KEEP_TOP_OPTION,
    NO_EMBEDDINGS_OPTION,
    RECORD_FOLDER_OPTION,
    RECORD_JSON_OPTION,
    TASKS_OPTION,
)
from egoexobench.cli.plugins import load_registry
from egoexobench.cli.progress_display import create_progress
from egoexobench.cli.run import print_result
from egoexobench.cli.training_options import parse_overrides
from egoexobench.errors import UsageError
from egoexobench.types import MAX_SEED, TASKS, Similarity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from egoexobench.evaluation.answers import Answer
    from egoexobench.external.embeddings import ExternalEmbeddings

_FILE = click.Path(path_type=Path)


@click.command("score")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=_FILE)
@click.option("--ids", multiple=True, type=_FILE, help="Ids of an array that has none, one a line.")
@click.option("--texts", multiple=True, type=_FILE, help="File of which every array has texts.")
@click.option("--text-ids", multiple=True, type=_FILE, help="As --ids, for --texts.")
@click.option("--answers", type=_FILE, help="Score this file of answers instead of embeddings.")
@DATASET_OPTION
@TASKS_OPTION
@click.option(
    "--evidence",
    required=True,
    metavar="NAME,...|unknown",
    help="What embeddings of videos or answers were computed from: video, audio, narration, "
    "sound_caption.",
)
@click.option(
    "--text-evidence",
    default="narration",
    show_default=True,
    metavar="NAME,...",
    help="What embeddings of texts were computed from.",
)
@click.option("--name", help="Name of the method in tables.  [external-embeddings or -answers]")
@click.option("--authors", help="Who made the embeddings or the answers.")
@click.option(
    "--similarity",
    type=click.Choice(["cosine", "dot"]),
    help="How candidates are ranked.  [as the file says, or cosine]",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="KEY=VALUE",
    help="How clips were read: sampling, frames, resolution or template. May be repeated.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=MAX_SEED),
    default=0,
    show_default=True,
    help="Seed of the training that gave the embeddings or answers, and of random intervals.",
)
@click.option(
    "--allow-missing",
    is_flag=True,
    help="Leave out what has no embedding or answer and record how much.",
)
@ALLOW_OVERLAP_OPTION
@RECORD_FOLDER_OPTION
@NO_EMBEDDINGS_OPTION
@KEEP_TOP_OPTION
@RECORD_JSON_OPTION
@click.pass_context
def score_command(
    ctx: click.Context,
    files: tuple[Path, ...],
    ids: tuple[Path, ...],
    texts: tuple[Path, ...],
    text_ids: tuple[Path, ...],
    answers: Path | None,
    dataset: str,
    tasks: tuple[str, ...],
    evidence: str,
    text_evidence: str,
    name: str | None,
    authors: str | None,
    similarity: Similarity | None,
    claims: tuple[str, ...],
    seed: int,
    allow_missing: bool,
    allow_overlap: bool,
    out: Path,
    no_embeddings: bool,
    keep_top: int,
    as_json: bool,
) -> None:
    """Score embeddings or answers that were made elsewhere, and write their record.

    FILE is .safetensors as `embed` writes it, .npz, .npy, .pt or .parquet. An array named `texts`
    has texts, others have clips; each id says which clip or text. The record and every table say
    that nothing was audited.
    """
    if (answers is None) == (not files):
        raise UsageError(
            "name either files of embeddings, or a file of answers with --answers FILE"
        )
    if answers is not None and (ids or texts or text_ids):
        raise UsageError("--ids, --texts and --text-ids are for embeddings, not for --answers")
    registry = load_registry(ctx)
    from egoexobench.experiment.context import RunContext
    from egoexobench.experiment.external_run import score_external
    from egoexobench.experiment.external_source import ExternalConfig
    from egoexobench.external.answers import read_answers
    from egoexobench.external.claims import parse_evidence, resolve_protocol
    from egoexobench.external.embeddings import read_embedding_files
    from egoexobench.spec import Spec

    source: ExternalEmbeddings | Mapping[str, Answer]
    headers: Sequence[Mapping[str, str]] = ()
    if answers is not None:
        source = read_answers(answers)
    else:
        source, headers = read_embedding_files(files, ids, texts=texts, text_ids=text_ids)
    config = ExternalConfig(
        name=name or f"external-{'embeddings' if answers is None else 'answers'}",
        dataset=Spec.parse(dataset),
        tasks=TASKS if not tasks or "all" in tasks else tuple(t for t in TASKS if t in tasks),
        seed=seed,
        evidence=parse_evidence(evidence),
        text_evidence=parse_evidence(text_evidence) or (),
        authors=authors,
        protocol=resolve_protocol(parse_overrides(claims, "--claim"), headers, similarity),
        headers=headers,
        allow_missing=allow_missing,
        allow_overlap=allow_overlap,
        out=out,
        command=tuple(sys.argv[1:]),
        keep_embeddings=not no_embeddings,
        keep_top=keep_top,
    )
    context = RunContext(registry, create_progress(is_quiet=as_json))
    print_result(score_external(config, source, context), as_json=as_json)
