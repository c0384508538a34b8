"""What tables say about test clips that also stand in train or val."""

from __future__ import annotations

from egoexobench.records.schema import Overlap, SplitOverlapRecord


def describe_overlap(overlap: Overlap | None) -> str:
    """Return one sentence for each split with test clips; empty if there are none.

    >>> split = SplitOverlapRecord(
    ...     dataset="scored", split="train", num_content=0, num_takes=4, num_narrations=12
    ... )
    >>> describe_overlap(Overlap(num_clips=40, splits=(split,)))
    'Also in train: of 40 test clips, 4 by take and 12 by narration (matters for t2v and v2t).'
    """
    if overlap is None:
        return ""
    sentences = (_describe_split(item, overlap.num_clips) for item in overlap.splits)
    return " ".join(filter(None, sentences))


def _describe_split(item: SplitOverlapRecord, num_clips: int) -> str:
    counts = {
        "content": item.num_content,
        "take": item.num_takes,
        "narration (matters for t2v and v2t)": item.num_narrations,
    }
    parts = [f"{count} by {kind}" for kind, count in counts.items() if count]
    if not parts:
        return ""
    name = item.split if item.dataset == "scored" else f"{item.split} of the training data set"
    last = f" and {parts[-1]}" if len(parts) > 1 else parts[-1]
    return f"Also in {name}: of {num_clips} test clips, {', '.join(parts[:-1])}{last}."
