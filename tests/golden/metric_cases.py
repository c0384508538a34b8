"""Metrics: each reference's own rule, and ours wherever both are to agree."""

from typing import Any

import numpy as np
import torch
from golden_file import AGAIN, Golden, flat
from reference_metrics import ae2 as ae2_rules
from reference_metrics import choices, gallery, graded

from egoexobench.evaluation import classification, metrics
from egoexobench.evaluation.ranks import compute_ranks

OURS = f"{AGAIN}ours"
APART = ("eval_video_paths", "train_video_paths", "phase_progression/time_column_added")
"""Entries that say what was measured."""
UNSTABLE = ("topk10_indices", "soundbridge_topk")
"""With ties, which of them are among the best is the library's choice: listed, not required."""


def numbers(golden: Golden) -> dict[str, Any]:
    """Every number of a file by its path."""
    return {key: one for key, one in flat(golden.about).items() if key not in APART}


def stable(golden: Golden) -> dict[str, Any]:
    """Those that are no library's choice."""
    kept = numbers(golden).items()
    return {k: one for k, one in kept if not k.startswith(UNSTABLE) or k.endswith("_top1")}


def _arrays(golden: Golden) -> dict[str, Any]:
    return {name: one.numpy() for name, one in golden.given.items()}


def _top(golden: Golden, names: tuple[str, ...], k: int) -> dict[str, float]:
    """Our accuracy in percent, a question type at a time."""
    given, found = golden.given, {}
    for name, kind in zip(names, given["types"].unique(), strict=True):
        rows = given["types"] == kind
        scores = given["scores"][rows]
        # columns are told by unit vectors, which is exact
        columns = torch.eye(scores.shape[1], dtype=scores.dtype)
        own = compute_ranks(scores, columns, given["answer"][rows], similarity="dot")
        found[name] = 100 * float(metrics.hit_rate_at_k(own, k).mean())
    return found


def mcq20(golden: Golden) -> dict[str, Any]:
    given = _arrays(golden)
    asked = given["scores"], given["answer"], given["types"]
    first = choices.first_maximum(*asked, choices.ASSOCIATION)
    found = {
        "egoexolearn_top1": first,
        "soundbridge_topk": choices.soundbridge(*asked),
        "average_of_directions": float(np.mean(list(first.values()))),
        "argmax_index": given["scores"].argmax(1).tolist(),
    }
    ties = "argmax_index" in golden.about
    if not ties:
        found[f"egoexolearn_top1{OURS}"] = _top(golden, choices.ASSOCIATION, 1)
        for k in (1, 5, 10):
            mine = _top(golden, choices.ASSOCIATION, k)
            found |= {f"soundbridge_topk/{n}_top{k}{OURS}": one for n, one in mine.items()}
    wanted = (stable if ties else numbers)(golden)
    return _asked(found, wanted)


def _asked(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What a file asks for, of all that was found; a second way keeps its mark at the end."""
    leaves = {}
    for name, value in found.items():
        label, mark, way = name.partition(AGAIN)
        leaves |= {f"{key}{mark}{way}": one for key, one in flat(value, label).items()}
    return {key: one for key, one in leaves.items() if key.partition(AGAIN)[0] in wanted}


def egomcq(golden: Golden) -> dict[str, Any]:
    given = _arrays(golden)
    asked = given["scores"], given["answer"], given["types"]
    found = {
        "lavila_and_egovlp": choices.first_maximum(*asked, choices.EGOMCQ),
        "egoinstructor_label_order": choices.first_maximum(*asked, choices.EGOINSTRUCTOR),
        f"lavila_and_egovlp{OURS}": _top(golden, choices.EGOMCQ, 1),
    }
    return _asked(found, numbers(golden))


def _both(similarity: Any) -> dict[str, Any]:
    return {
        "frozen_in_time_t2v": gallery.frozen_in_time_t2v(similarity),
        "frozen_in_time_v2t": gallery.frozen_in_time_v2t(similarity),
    }


def captions(golden: Golden) -> dict[str, Any]:
    return flat(_both(_arrays(golden)["similarity"]))


CASES = {"no_ties": "similarity", "ties": "similarity_ties", "constant": "similarity_constant"}


def full(golden: Golden) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for case, name in CASES.items():
        scores = _arrays(golden)[name]
        found[case] = _both(scores)
        for way, table in (("rows", scores), ("columns", scores.T)):
            found[case][f"egoinstructor_{way}"] = {
                **gallery.egoinstructor(table),
                "cols": gallery.egoinstructor_ranks(table),
            }
            found |= _ours(case, way, table)
    return _asked(found, numbers(golden))


def _ours(case: str, way: str, table: Any) -> dict[str, Any]:
    """Our mean rank, which all references share where nothing ties; `v2t` shares its tie rule."""
    scores = torch.from_numpy(np.ascontiguousarray(table))
    columns = torch.eye(len(scores), dtype=scores.dtype)
    own = compute_ranks(scores, columns, torch.arange(len(scores)), similarity="dot")
    mean, median = metrics.expected_rank(own).mean(), np.median(metrics.expected_rank(own))
    found = {}
    if case == "no_ties":
        found[f"{case}/egoinstructor_{way}/MeanR{OURS}"] = float(mean)
        found[f"{case}/egoinstructor_{way}/MedianR{OURS}"] = float(median)
        for k in (1, 5, 10):
            share = 100 * float(metrics.hit_rate_at_k(own, k).mean())
            found[f"{case}/egoinstructor_{way}/R{k}{OURS}"] = share
    if way == "columns":
        found[f"{case}/frozen_in_time_v2t/MeanR{OURS}"] = float(mean)
        found[f"{case}/frozen_in_time_v2t/MedR{OURS}"] = float(median)
    return found


def ek100(golden: Golden) -> dict[str, Any]:
    given = _arrays(golden)
    return flat({"result": graded.ek100_mir(given["similarity"], given["relevancy"])})


def charades(golden: Golden) -> dict[str, Any]:
    given = _arrays(golden)
    scores, truth = given["scores"], given["targets"] > 0
    each = graded.charades_precision(scores, truth)
    lacking = graded.charades_precision(scores, given["targets_with_empty_class"] > 0)
    empty = np.flatnonzero(~truth.any(1))
    shown = scores.copy()
    shown[empty] = -np.inf
    ours = classification.average_precision(shown, truth, np.ones((1, len(truth))))
    found = {
        "per_class_AP": each.tolist(),
        "mAP": float(each.mean()),
        "weighted_AP_per_class": graded.charades_weighted(each, truth).tolist(),
        "empty_class/per_class_AP": lacking.tolist(),
        "empty_class/mAP": float(lacking.mean()),
        "videos_without_positives": empty.tolist(),
        f"per_class_AP{OURS}": ours[0].tolist(),
        f"mAP{OURS}": float(classification.class_mean(ours)[0]),
    }
    return _asked(found, numbers(golden))


def ae2(golden: Golden) -> dict[str, Any]:
    given = _arrays(golden)
    train, test = (
        tuple(given[f"{side}_{name}"] for name in ("embeds", "labels", "lengths"))
        for side in ("train", "eval")
    )
    ours = {"train": given["train_is_ego"] > 0, "eval": given["eval_is_ego"] > 0}
    every = np.ones_like(ours["train"]), np.ones_like(ours["eval"])
    ways = {
        "regular": (*every, every[1]),
        "ego2exo": (ours["train"], ~ours["eval"], ours["eval"]),
        "exo2ego": (~ours["train"], ours["eval"], ~ours["eval"]),
    }
    videos = np.repeat(np.arange(len(test[2])), test[2])
    found: dict[str, Any] = {"classification_f1": {}, "retrieval_map10": {}}
    for way, (fit, tested, asking) in ways.items():
        sides = train[0][fit], train[1][fit], test[0][tested], test[1][tested]
        found["classification_f1"][way] = ae2_rules.classification(*sides)
        searched = ae2_rules.retrieval(test[0], test[1], videos, asking, tested)
        found["retrieval_map10"][way] = searched
    timed = [train, test]
    if golden.about["phase_progression"]["time_column_added"]:
        timed = [(ae2_rules.clocked(one[0], one[2]), *one[1:]) for one in timed]
    fitted, asked = ae2_rules.progression(*timed)
    found["phase_progression"] = {"train": fitted, "eval": asked}
    taus = {"train": train, "eval": test}
    found["kendall_tau"] = {side: ae2_rules.tau(one[0], one[2]) for side, one in taus.items()}
    return flat(found)
