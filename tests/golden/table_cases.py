"""Tables without tensors: token ids of texts, and frames of spans."""

from typing import Any

from golden_file import GoldenFile

from egoexobench.data.sampling import SAMPLERS, lavila_chunked
from egoexobench.errors import DataError
from egoexobench_plugins.clip_text.tokenizer import tokenize_text

TRUNCATION_RULES = {
    "clip77": (77, "released"),
    "egoinstructor300": (300, "released"),
    "viclip32": (32, "proper"),
}


def list_expected_tokens(golden: GoldenFile) -> dict[str, Any]:
    """Ids and pooled position of every text by every tokenizer."""
    expected = {}
    for i, item in enumerate(golden.metadata["items"]):
        rules = [key for key in item if f"{key}_pooled_position" in item]
        assert set(rules) <= TRUNCATION_RULES.keys(), "a tokenizer that no part has"
        for rule in rules:
            expected[f"{i}/{rule}"] = [*item[rule], item[f"{rule}_pooled_position"]]
    return expected


def tokenize_texts(golden: GoldenFile) -> dict[str, Any]:
    outputs = {}
    for label in list_expected_tokens(golden):
        i, rule = label.split("/")
        token_ids = tokenize_text(golden.metadata["items"][int(i)]["text"], *TRUNCATION_RULES[rule])
        outputs[label] = [*token_ids, max(range(len(token_ids)), key=token_ids.__getitem__)]
    return outputs


CHUNKED = "lavila-chunked"
WHOLE_VIDEO_TABLES = ("frozen-in-time", "egovlp-whole-video", "viclip")


def _list_rows(golden: GoldenFile) -> list[tuple[str, list[Any]]]:
    return [
        (name.replace("_", "-"), row)
        for name, table in golden.metadata.items()
        if isinstance(table, dict)  # other entries describe
        for row in table["rows"]
    ]


def list_expected_frames(golden: GoldenFile) -> dict[str, Any]:
    """Indices by table and row; None where the reference fails."""
    expected = {}
    for i, (table, row) in enumerate(_list_rows(golden)):
        failed = row[-1] is not None
        indices = row[-2]
        if table == CHUNKED and not failed:
            # without a next file, the reference reads the last one twice; the second time counts
            indices = list({file[0]: list(file) for file in indices}.values())
        expected[f"{i} {table}"] = None if failed else indices
    return expected


def sample_spans(golden: GoldenFile) -> dict[str, Any]:
    outputs = {}
    for i, (table, row) in enumerate(_list_rows(golden)):
        try:
            outputs[f"{i} {table}"] = (
                _sample_chunks(row) if table == CHUNKED else _sample_row(table, row)
            )
        except DataError:
            outputs[f"{i} {table}"] = None
    return outputs


def _sample_chunks(row: list[Any]) -> list[Any]:
    rate, count, start, end, num_frames, seconds = row[:6]
    chunks = lavila_chunked(count, start, end, num_frames, seconds=seconds, rate=rate)
    return [[first, indices.tolist()] for first, indices in chunks]


def _sample_row(table: str, row: list[Any]) -> list[int]:
    """Indices of our sampler for a row of a reference table; the columns of tables differ."""
    arguments: tuple[Any, ...] = tuple(row[:5])
    if table in WHOLE_VIDEO_TABLES:
        count, num_frames = row[:2]
        arguments = (1.0, count, 0, count, num_frames)
    elif table == "egovlp-start-end":
        num_frames, start, end = row[:3]
        arguments = (1.0, 10**9, start, end, num_frames)
    elif table == "egovlp-clips":
        start, end, count, num_frames = row[:4]
        arguments = (1.0, count, start, end, num_frames)
    elif table.startswith("egoinstructor"):
        count, start, end, num_frames = row[:4]
        arguments = (1.0, count, start, end, num_frames)
    *bounds, count = arguments
    return [int(index) for index in SAMPLERS[table](*bounds, count=count)]
