"""Each way to forge a record is refused by whoever reads it, or refuted by `verify`."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from forged_bundle import ForgedBundle, find_score, hash_tracks

from egoexobench.errors import DataError
from egoexobench.records.store import read_record
from egoexobench.verification.bundle import NO_EMBEDDINGS, NO_QUERIES, verify_bundle

Forge = Callable[[ForgedBundle], object]


def set_top1(fields: Any) -> None:
    find_score(fields)["metrics"]["hit_rate_at_1"] |= {"value": 99.0, "low": 98.0, "high": 100.0}


def set_impossible_top1(fields: Any) -> None:
    find_score(fields)["metrics"]["hit_rate_at_1"] |= {"value": 101.0, "high": 102.0}


def set_count(fields: Any) -> None:
    find_score(fields)["num_queries"] = 10**9


def set_interval(fields: Any) -> None:
    find_score(fields)["metrics"]["hit_rate_at_1"] |= {"low": 300.0, "high": -5.0}


def set_mrr(fields: Any) -> None:
    find_score(fields)["metrics"]["mrr"] |= {"value": 1.5, "high": 1.6}


def set_median(fields: Any) -> None:
    find_score(fields)["metrics"]["median_rank"] |= {"value": 0.5, "low": 0.5}


def set_chance(fields: Any) -> None:
    find_score(fields)["metrics"]["hit_rate_at_1"]["chance"] = 0.1


def set_reference_chance(fields: Any) -> None:
    (chance,) = (item for item in fields["references"] if item["name"] == "chance")
    chance["scores"][0]["metrics"]["hit_rate_at_1"] |= {"value": 1.0, "low": 1.0, "high": 1.0}


def set_foreign_fingerprint(fields: Any) -> None:
    find_score(fields)["track_fingerprint"] = "0" * 64


def set_foreign_track(fields: Any) -> None:
    for score in fields["scores"]:
        score["track"]["data"] = "0123456789abcdef"
    hash_tracks(fields)


def swap_tasks(fields: Any) -> None:
    left, right = find_score(fields, "eg2ex"), find_score(fields, "ex2eg")
    left["track"], right["track"] = right["track"], left["track"]
    hash_tracks(fields)


def set_evidence(fields: Any) -> None:
    fields["method"]["declared_inputs"] = {"video": ["video"], "text": ["narration"]}


def repeat_score(fields: Any) -> None:
    fields["scores"].append(fields["scores"][0])


def set_nan(fields: Any) -> None:
    find_score(fields)["metrics"]["mrr"]["value"] = float("nan")


def set_counts(fields: Any) -> None:
    fields["counts"]["num_queries"]["eg2ex"] = 5000


def drop_ranks_name(fields: Any) -> None:
    fields["artifacts"] = [
        item for item in fields["artifacts"] if not item["file"].endswith(".ranks.jsonl")
    ]


def rename_file(name: str) -> Callable[[Any], None]:
    def edit(fields: Any) -> None:
        fields["artifacts"][0]["file"] = name

    return edit


READING = {
    "a top-1 of 99.0": (set_top1, r"eg2ex gallery\.hit_rate_at_1\.value: 99\.0"),
    "a top-1 above 100": (set_impossible_top1, r"101\.0 is not in 0\.\.100"),
    "a count of 10^9": (set_count, r"num_queries"),
    "an interval [300, -5]": (set_interval, r"300\.0 is not in 0\.\.100"),
    "an mrr above 1": (set_mrr, r"mrr\.value: 1\.5 is not in 0\.\.1"),
    "a median rank of 0.5": (set_median, r"median_rank\.value: 0\.5"),
    "a chance level": (set_chance, r"hit_rate_at_1\.chance: 0\.1"),
    "the reference chance": (set_reference_chance, r"references\.chance"),
    "a foreign fingerprint": (set_foreign_fingerprint, r"track_fingerprint: it is not the hash"),
    "a foreign track": (set_foreign_track, r"track\.data: '0123456789abcdef'"),
    "swapped tracks": (swap_tasks, r"track\.task: 'ex2eg'"),
    "other evidence": (set_evidence, r"declared_inputs\.video: video, where"),
    "a score twice": (repeat_score, r"stands 2 times"),
    "counts": (set_counts, r"counts\.num_queries\.eg2ex: 5000"),
    "NaN": (set_nan, r"mrr"),
    "no ranks": (drop_ranks_name, r"the ranks are missing"),
    "a path to the parent": (rename_file("../x.ranks.jsonl"), r"artifacts\.0\.file"),
    "an absolute path": (rename_file("/etc/passwd"), r"artifacts\.0\.file"),
    "a file of another run": (rename_file("x.ranks.jsonl"), r"no file of this record"),
}


@pytest.mark.parametrize("name", READING)
def test_a_record_edited_by_hand_is_refused_when_it_is_read_and_by_verify(
    bundle: ForgedBundle, name: str
) -> None:
    edit, reason = READING[name]
    bundle.edit_record(edit)
    with pytest.raises(DataError, match=reason) as error:
        read_record(bundle.record)
    assert bundle.record.name in str(error.value)
    assert "\n" not in str(error.value)
    assert not verify_bundle(bundle.record).is_verified


def drop_half_of_ranks(bundle: ForgedBundle) -> None:
    bundle.edit_lines("ranks.jsonl", lambda rows: rows[::2])


def delete_ranks(bundle: ForgedBundle) -> None:
    bundle.get_file("ranks.jsonl").unlink()


def link_ranks(bundle: ForgedBundle) -> None:
    file = bundle.get_file("ranks.jsonl")
    target = file.rename(file.with_name("elsewhere"))
    file.symlink_to(target)


def set_rank_zero(bundle: ForgedBundle) -> None:
    bundle.edit_lines("ranks.jsonl", lambda rows: [rows[0] | {"optimistic": 0}, *rows[1:]])


def set_rank_below_candidates(bundle: ForgedBundle) -> None:
    worst = {"optimistic": 99, "pessimistic": 99, "top1_probability": 0.0}
    bundle.edit_lines("ranks.jsonl", lambda rows: [rows[0] | worst, *rows[1:]])


def set_enormous_rank(bundle: ForgedBundle) -> None:
    bundle.edit_lines("ranks.jsonl", lambda rows: [rows[0] | {"num_candidates": 10**30}, *rows[1:]])


def nest_deeply(bundle: ForgedBundle) -> None:
    bundle.record.write_text("[" * 100_000)


def set_crossed_ranks(bundle: ForgedBundle) -> None:
    crossed = {"optimistic": 2, "pessimistic": 1}
    bundle.edit_lines("ranks.jsonl", lambda rows: [rows[0] | crossed, *rows[1:]])


def change_queries_without_hash(bundle: ForgedBundle) -> None:
    file = bundle.get_file("queries.jsonl")
    file.write_text(file.read_text() + "\n")


FILES: dict[str, tuple[Forge, str]] = {
    "half of the queries deleted": (drop_half_of_ranks, r"num_queries"),
    "the ranks file deleted": (delete_ranks, r"cannot read .*ranks\.jsonl"),
    "a link as ranks file": (link_ranks, r"not a plain file"),
    "a rank of 0": (set_rank_zero, r"line 1: optimistic"),
    "a rank below all candidates": (set_rank_below_candidates, r"number of candidates"),
    "a number of 31 digits": (set_enormous_rank, r"a number is above"),
    "deeply nested lists": (nest_deeply, r"\.json: "),
    "crossed ranks": (set_crossed_ranks, r"optimistic is above pessimistic"),
    "another file of queries": (change_queries_without_hash, r"its hash differs"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_forged_file_beside_the_record_is_refused_when_the_record_is_read(
    bundle: ForgedBundle, name: str
) -> None:
    forge, reason = FILES[name]
    forge(bundle)
    with pytest.raises(DataError, match=reason):
        read_record(bundle.record)
    assert not verify_bundle(bundle.record).is_verified


def mark_all_as_hits(bundle: ForgedBundle) -> None:
    """Ranks and every number that follows from them are forged together."""
    hit = {
        "optimistic": 1,
        "pessimistic": 1,
        "num_tied_positives": 1,
        "top1_probability": 1.0,
    }
    bundle.edit_lines(
        "ranks.jsonl", lambda rows: [row | hit if "policy" in row else row for row in rows]
    )

    def set_perfect(fields: Any) -> None:
        for score in fields["scores"]:
            if score["policy"] is None:
                continue
            for item in (score, *score["by_subset"].values()):
                for metric in item["metrics"].values():
                    best = 100.0 if metric["unit"] == "%" else 1.0
                    metric |= {"value": best, "low": best, "high": best}

    bundle.edit_record(set_perfect)


def narrow_interval(bundle: ForgedBundle) -> None:
    def edit(fields: Any) -> None:
        metric = find_score(fields)["metrics"]["mrr"]
        metric |= {"low": metric["value"], "high": metric["value"]}

    bundle.edit_record(edit)


def set_seed(bundle: ForgedBundle) -> None:
    bundle.edit_record(lambda fields: fields.update(seed=7))


def set_time(bundle: ForgedBundle) -> None:
    bundle.edit_record(lambda fields: fields.update(created="2031-01-01T00:00:00Z"))


def raise_map(bundle: ForgedBundle) -> None:
    def edit(fields: Any) -> None:
        find_score(fields, "action", None)["metrics"]["map"] |= {"value": 99.9, "high": 100.0}

    bundle.edit_record(edit)


def lower_oracle(bundle: ForgedBundle) -> None:
    def edit(fields: Any) -> None:
        (oracle,) = (item for item in fields["references"] if item["name"] == "oracle")
        oracle["scores"][0]["metrics"]["mrr"] |= {"value": 0.5, "low": 0.5}

    bundle.edit_record(edit)


def drop_metric(bundle: ForgedBundle) -> None:
    bundle.edit_record(lambda fields: find_score(fields)["metrics"].pop("hit_rate_at_1"))


def shuffle_embeddings(bundle: ForgedBundle) -> None:
    bundle.edit_tensors(
        "embeddings.safetensors",
        lambda tensors, header: tensors.update(videos=tensors["videos"].flip(0).contiguous()),
    )


def drop_clip(bundle: ForgedBundle) -> None:
    """A clip that the method gets wrong is taken out."""

    def edit(tensors: Any, header: Any) -> None:
        header["videos_ids"] = json.dumps(json.loads(header["videos_ids"])[1:])
        tensors["videos"] = tensors["videos"][1:].clone()

    bundle.edit_tensors("embeddings.safetensors", edit)


def put_nan(bundle: ForgedBundle) -> None:
    bundle.edit_tensors(
        "embeddings.safetensors", lambda tensors, header: tensors["videos"][0].fill_(torch.nan)
    )


def repeat_id(bundle: ForgedBundle) -> None:
    def edit(tensors: Any, header: Any) -> None:
        ids = header["videos_ids"].strip("[]").split(", ")
        header["videos_ids"] = f"[{', '.join([ids[0], *ids[:-1]])}]"

    bundle.edit_tensors("embeddings.safetensors", edit)


def truncate_embeddings(bundle: ForgedBundle) -> None:
    content = bundle.get_file("embeddings.safetensors").read_bytes()
    bundle.replace_file("embeddings.safetensors", content[:-8])


def append_to_embeddings(bundle: ForgedBundle) -> None:
    content = bundle.get_file("embeddings.safetensors").read_bytes()
    bundle.replace_file("embeddings.safetensors", content + b"\0" * 64)


def write_pickle(bundle: ForgedBundle) -> None:
    bundle.replace_file("embeddings.safetensors", b"\x80\x04cos\nsystem\n(S'true'\ntR.")


def raise_class_scores(bundle: ForgedBundle) -> None:
    bundle.edit_tensors(
        "class-scores.safetensors", lambda tensors, header: tensors["scene"].mul_(0.5)
    )


def refit_to_test(bundle: ForgedBundle) -> None:
    """The linear layer was fitted to the clips that it is scored on."""

    def edit(tensors: Any, header: Any) -> None:
        rows = tensors["videos"][: len(tensors["videos.train"])]
        tensors["videos.train"][: len(rows)] = rows

    bundle.edit_tensors("embeddings.safetensors", edit)


def move_positive(bundle: ForgedBundle) -> None:
    def edit(rows: list[Any]) -> list[Any]:
        (index, *_) = (i for i, row in enumerate(rows) if row["kind"] == "query")
        rows[index]["positives"] = [(rows[index]["positives"][0] + 1) % 2]
        return rows

    bundle.edit_lines("queries.jsonl", edit)


def drop_queries(bundle: ForgedBundle) -> None:
    bundle.edit_lines("queries.jsonl", lambda rows: [r for r in rows if r["kind"] != "query"])


def repeat_candidate(bundle: ForgedBundle) -> None:
    def edit(rows: list[Any]) -> list[Any]:
        for row in rows:
            if row["kind"] == "gallery":
                row["ids"] = [row["ids"][0], *row["ids"]]
        return rows

    bundle.edit_lines("queries.jsonl", edit)


VERIFY: dict[str, tuple[Forge, str]] = {
    "ranks all set to a hit": (mark_all_as_hits, r"ranks are not those of the embeddings"),
    "an interval": (narrow_interval, r"mrr\.low: .* in the record"),
    "the seed": (set_seed, r"id: "),
    "the time": (set_time, r"id: "),
    "a metric of recognition": (raise_map, r"action\.map\.value: 99\.9"),
    "the oracle": (lower_oracle, r"references\.oracle\.eg2ex .*mrr\.value: 0\.5"),
    "a metric left out": (drop_metric, r"eg2ex gallery: metrics"),
    "embeddings of other clips": (shuffle_embeddings, r"ranks are not those of the embeddings"),
    "a clip left out": (drop_clip, r"1 clips of the test split have none"),
    "NaN in embeddings": (put_nan, r"contain NaN"),
    "an id twice": (repeat_id, r"has an id twice"),
    "embeddings cut short": (truncate_embeddings, r"no safetensors file"),
    "bytes behind the embeddings": (append_to_embeddings, r"no safetensors file"),
    "a pickle as embeddings": (write_pickle, r"no safetensors file"),
    "class scores": (raise_class_scores, r"rows of class scores|class scores"),
    "a layer fitted to the test clips": (refit_to_test, r"of a linear layer on the embeddings"),
    "another answer": (move_positive, r"track\.content"),
    "no queries": (drop_queries, r"no such queries"),
    "a candidate twice": (repeat_candidate, r"line \d+: gallery 0 lists a candidate twice"),
}


@pytest.mark.parametrize("name", VERIFY)
def test_a_forgery_with_remade_hashes_is_refuted_by_verify(bundle: ForgedBundle, name: str) -> None:
    forge, reason = VERIFY[name]
    forge(bundle)
    result = verify_bundle(bundle.record)
    assert not result.is_verified
    text = "\n".join(result.differences)
    assert any(re.search(reason, line) for line in result.differences), text
    assert len(text.splitlines()) == len(result.differences)


def test_the_honest_bundle_is_verified(bundle: ForgedBundle) -> None:
    result = verify_bundle(bundle.record)
    assert result.differences == ()
    assert result.skipped == ()
    read_record(bundle.record)


def test_without_embeddings_all_from_the_ranks_on_is_verified(bundle: ForgedBundle) -> None:
    bundle.drop_file("embeddings.safetensors")
    result = verify_bundle(bundle.record)
    assert result.differences == ()
    assert result.skipped == (NO_EMBEDDINGS,)
    narrow_interval(bundle)
    assert not verify_bundle(bundle.record).is_verified


def test_an_older_record_without_queries_is_verified_as_far_as_it_goes(
    bundle: ForgedBundle,
) -> None:
    for kind in ("embeddings.safetensors", "class-scores.safetensors", "queries.jsonl"):
        bundle.drop_file(kind)
    result = verify_bundle(bundle.record)
    assert result.differences == ()
    assert result.skipped == (NO_QUERIES,)
    bundle.edit_record(set_top1)
    assert not verify_bundle(bundle.record).is_verified


def test_last_digits_of_another_processor_are_no_difference(bundle: ForgedBundle) -> None:
    def perturb(tensors: Any, header: Any) -> None:
        for tensor in tensors.values():
            tensor.mul_(1 + 1e-7 * torch.randn(tensor.shape))

    torch.manual_seed(0)
    bundle.edit_tensors("embeddings.safetensors", perturb)
    assert verify_bundle(bundle.record).differences == ()
