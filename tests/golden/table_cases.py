"""Tables without tensors: token ids of texts, and frames of spans."""

from typing import Any

from golden_file import Golden

from egoexobench.data.sampling import SAMPLERS, lavila_chunked
from egoexobench.errors import DataError
from egoexobench_plugins.clip_text.tokenizer import ids

CUTS = {
    "clip77": (77, "released"),
    "egoinstructor300": (300, "released"),
    "viclip32": (32, "proper"),
}


def listed_tokens(golden: Golden) -> dict[str, Any]:
    """Ids and pooled position of every text by every tokenizer."""
    wanted = {}
    for i, item in enumerate(golden.about["items"]):
        cuts = [key for key in item if f"{key}_pooled_position" in item]
        assert set(cuts) <= CUTS.keys(), "a tokenizer that no part claims"
        for cut in cuts:
            wanted[f"{i}/{cut}"] = [*item[cut], item[f"{cut}_pooled_position"]]
    return wanted


def tokens(golden: Golden) -> dict[str, Any]:
    found = {}
    for label in listed_tokens(golden):
        i, cut = label.split("/")
        ours = ids(golden.about["items"][int(i)]["text"], *CUTS[cut])
        found[label] = [*ours, max(range(len(ours)), key=ours.__getitem__)]
    return found


CHUNKED = "lavila-chunked"
WHOLE = ("frozen-in-time", "egovlp-whole-video", "viclip")


def _rows(golden: Golden) -> list[tuple[str, list[Any]]]:
    return [
        (name.replace("_", "-"), row)
        for name, table in golden.about.items()
        if isinstance(table, dict)  # other entries describe
        for row in table["rows"]
    ]


def listed_frames(golden: Golden) -> dict[str, Any]:
    """Indices by table and row; None where the reference fails."""
    wanted = {}
    for i, (table, row) in enumerate(_rows(golden)):
        failed = row[-1] is not None
        found = row[-2]
        if table == CHUNKED and not failed:
            # the reference reads one file twice where there is no next: the second time counts
            found = list({first: [first, indices] for first, indices in found}.values())
        wanted[f"{i} {table}"] = None if failed else found
    return wanted


def frames(golden: Golden) -> dict[str, Any]:
    found = {}
    for i, (table, row) in enumerate(_rows(golden)):
        try:
            found[f"{i} {table}"] = _chunks(row) if table == CHUNKED else _indices(table, row)
        except DataError:
            found[f"{i} {table}"] = None
    return found


def _chunks(row: list[Any]) -> list[Any]:
    rate, count, start, end, wanted, seconds = row[:6]
    found = lavila_chunked(count, start, end, wanted, seconds, rate=rate)
    return [[first, indices.tolist()] for first, indices in found]


def _indices(table: str, row: list[Any]) -> list[int]:
    """Ask our sampler for a row of a reference table, whose columns differ."""
    given: tuple[Any, ...] = tuple(row[:5])
    if table in WHOLE:
        count, wanted = row[:2]
        given = (1.0, count, 0, count, wanted)
    elif table == "egovlp-start-end":
        wanted, start, end = row[:3]
        given = (1.0, 10**9, start, end, wanted)
    elif table == "egovlp-clips":
        start, end, count, wanted = row[:4]
        given = (1.0, count, start, end, wanted)
    elif table.startswith("egoinstructor"):
        count, start, end, wanted = row[:4]
        given = (1.0, count, start, end, wanted)
    return [int(one) for one in SAMPLERS[table](*given)]
