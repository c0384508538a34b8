"""What a run read, how it is repeated and where its numbers come from, as pairs of texts."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from egoexobench.leaderboard.board_text import DASH
from egoexobench.records.external import describe_answer_counts, describe_external_source
from egoexobench.records.given_features import describe_given_features
from egoexobench.records.overlap import describe_overlap

if TYPE_CHECKING:
    from egoexobench.records.schema import DistributionRecord, GitState, PartRecord, Record

_Name = TypeVar("_Name", bound=str)
Facts = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds of a stage of a run, and its share of all seconds in percent."""

    stage: str
    seconds: float
    percent: float


def describe_evidence(record: Record) -> str:
    """Return what videos and texts are embedded from, such as ``video, audio; narration``."""
    declared = record.method.declared_inputs
    sides = (declared.video, declared.text)
    return "; ".join(", ".join(side).replace("_", " ") or DASH for side in sides)


def format_command(record: Record) -> str:
    """Return the command of a run as a shell reads it."""
    words = (
        record.command
        if record.command[:1] == ("egoexobench",)
        else (
            "egoexobench",
            *record.command,
        )
    )
    return shlex.join(words)


def list_stage_times(record: Record) -> list[StageTime]:
    """Return the seconds of each stage, in the order of the record."""
    total = sum(record.seconds.values()) or 1.0
    return [
        StageTime(stage, seconds, round(100 * seconds / total, 1))
        for stage, seconds in record.seconds.items()
    ]


def list_input_facts(record: Record) -> Facts:
    """Return what the run read, what it left out, and what a reader must know of it."""
    counts, declared = record.counts, record.method.declared_inputs
    excluded = {
        "digital silence": counts.num_silent,
        "no audio track": counts.num_without_track,
        "could not be decoded": counts.num_failed,
        "skipped": counts.num_skipped,
    }
    facts = [
        ("Embeddings of videos", _join_texts(item.replace("_", " ") for item in declared.video)),
        ("Embeddings of texts", _join_texts(item.replace("_", " ") for item in declared.text)),
        ("Clips", _join_counts(counts.num_clips)),
        ("Pairs", _join_counts(counts.num_pairs)),
        ("Queries", _join_counts(counts.num_queries)),
        ("Faulty clips", _join_counts({name: n for name, n in excluded.items() if n}) or "none"),
        ("Clips without sound", f"policy {counts.missing_audio}"),
    ]
    if counts.num_unfair:
        facts.append(("Unfair queries, left out", _join_counts(counts.num_unfair)))
    if coverage := record.coverage:
        facts.append(("Coverage", f"{coverage.num_used} of {coverage.num_clips} clips were used"))
    if record.overlap:
        facts.append(("Overlap of splits", describe_overlap(record.overlap) or "none"))
    if captions := record.captions:
        facts.append(
            ("Sound captions", f"{captions.num_narrations}, {captions.num_missing} missing")
        )
    external = record.method.external
    answered = describe_answer_counts(external.answerer) if external and external.answerer else None
    sources = (
        describe_external_source(record.method),
        describe_given_features(record.method),
        answered,
    )
    facts += [("Made elsewhere", text) for text in sources if text]
    if checked := record.consistency:
        facts.append(
            (
                "Embedded again, alone",
                f"{checked.num_clips} clips and {checked.num_texts} texts; largest relative "
                f"deviation {checked.largest_deviation:.1e}, rounding explains "
                f"{checked.tolerance:.0e}",
            )
        )
    return facts


def list_provenance(record: Record) -> Facts:
    """Return the code, data, software and machine of a run."""
    environment, method, dataset = record.environment, record.method, record.dataset
    facts = [
        ("Run", record.id),
        ("Created", f"{record.created:%Y-%m-%d %H:%M} UTC"),
        ("Method", f"{method.spec}, fingerprint {method.fingerprint}"),
        ("Settings", _join_texts(f"{key}={value}" for key, value in method.overrides.items())),
        ("Data set", f"{dataset.spec}, fingerprint {dataset.fingerprint}"),
        ("Media", f"hash {dataset.media_hash}" if dataset.media_hash else ""),
        ("Trained on", record.trained_on.spec if record.trained_on else ""),
        ("Distribution", _format_distribution(method.distribution)),
        ("Commit", _format_commit(record.git) if record.git else ""),
        ("Toolkit", f"hash {method.toolkit_hash}" if method.toolkit_hash else ""),
        ("Python", environment.python),
        ("Packages", _join_texts(f"{key} {value}" for key, value in environment.packages.items())),
        ("Plug-ins", _join_texts(map(_format_distribution, environment.plugins))),
        ("Device", f"{environment.device}, {environment.precision}"),
        ("Accelerator", environment.accelerator or ""),
        ("Processor", environment.processor or ""),
        ("Platform", environment.platform),
    ]
    return [(name, text) for name, text in facts if text]


def describe_part_record(part: PartRecord) -> tuple[str, str, str, str]:
    """Return role, name, options, and distribution of a part."""
    options = _join_texts(f"{name}={value}" for name, value in part.options.items())
    return part.role, f"{part.kind} {part.name}", options, _format_distribution(part.distribution)


def _format_commit(git: GitState) -> str:
    return f"{git.commit[:12]}{' (modified)' if git.dirty else ''}"


def _format_distribution(distribution: DistributionRecord | None) -> str:
    return f"{distribution.name} {distribution.version}" if distribution else ""


def _join_texts(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _join_counts(counts: Mapping[_Name, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
