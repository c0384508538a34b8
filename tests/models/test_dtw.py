import math

import numba
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from egoexobench.errors import DataError, UsageError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_store import FeatureRows
from egoexobench.models import dtw_kernels
from egoexobench.models.dtw import AlignmentPath, align_pairs, compute_dtw_path, warp_pair
from egoexobench.types import Clip, Pair, Tokens, View

Rows = NDArray[np.float32]
SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (9, 9), (12, 31), (31, 12), (40, 41)]
BANDS = [None, 0.0, 0.1, 0.4, 1.0]
# Unit lengths and cosines that are multiples of 1/4: nothing is rounded, so ties are ties.
EXACT = np.array([[1, 0, 0, 0], [0, -1, 0, 0], [2, 2, 2, 2], [1, -1, 1, -1], [0, 0, 0, 0]], "f4")


def make_noise(count: int, width: int = 8, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def cosine_distance(first: list[float], second: list[float]) -> float:
    lengths = math.sqrt(sum(a * a for a in first)) * math.sqrt(sum(b * b for b in second))
    return 1 - sum(a * b for a, b in zip(first, second, strict=True)) / lengths if lengths else 1.0


def is_inside_band(cell: tuple[int, int], shape: tuple[int, int], band: float | None) -> bool:
    """Whether a cell is near the line between the ends, in tokens of the longer sequence."""
    i, j = cell
    longer, shorter = max(shape), min(shape)
    if band is None or shorter == 1:
        return True
    step = (longer - 1) / (shorter - 1)
    distance = abs(i * step - j) if shape[0] == shorter else abs(i - j * step)
    return distance <= max(band * longer, step / 2) + 1e-9


def compute_path_in_loops(
    left: Rows, right: Rows, band: float | None
) -> tuple[float, list[list[int]]]:
    """The recurrence in loops; a tie goes to the diagonal, then to a step of the first sequence."""
    n, m = len(left), len(right)
    first, second = left.astype(float).tolist(), right.astype(float).tolist()
    costs = {(0, 0): cosine_distance(first[0], second[0])}
    best_predecessor: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(n):
        for j in range(m):
            predecessors = [c for c in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if c in costs]
            if predecessors and is_inside_band((i, j), (n, m), band):
                best_predecessor[i, j] = min(
                    predecessors, key=lambda cell: costs[cell]
                )  # the first minimum
                costs[i, j] = costs[best_predecessor[i, j]] + cosine_distance(first[i], second[j])
    cell = (n - 1, m - 1)
    steps = [list(cell)]
    while cell != (0, 0):
        cell = best_predecessor[cell]
        steps.append(list(cell))
    return costs[n - 1, m - 1], steps[::-1]


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_cost_and_path_are_those_of_plain_loops(n: int, m: int, band: float | None) -> None:
    first, second = make_noise(n, seed=1), make_noise(m, seed=2)
    path, (cost, steps) = (
        compute_dtw_path(first, second, band),
        compute_path_in_loops(first, second, band),
    )
    assert path.steps.tolist() == steps
    assert path.cost == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("seed", range(8))
def test_ties_are_broken_as_the_rule_says(seed: int, band: float | None) -> None:
    rng = np.random.default_rng(seed)
    first, second = (EXACT[rng.integers(len(EXACT), size=rng.integers(2, 25))] for _ in range(2))
    path, (cost, steps) = (
        compute_dtw_path(first, second, band),
        compute_path_in_loops(first, second, band),
    )
    assert path.steps.tolist() == steps
    assert path.cost == cost  # nothing is rounded


def test_the_path_of_equal_tokens_ends_diagonally() -> None:
    row = EXACT[[2]]
    assert compute_dtw_path(row.repeat(2, 0), row.repeat(4, 0)).steps.tolist() == [
        [0, 0],
        [0, 1],
        [0, 2],
        [1, 3],
    ]
    assert compute_dtw_path(row.repeat(4, 0), row.repeat(2, 0)).steps.tolist() == [
        [0, 0],
        [1, 0],
        [2, 0],
        [3, 1],
    ]


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_a_path_joins_the_ends_and_moves_by_one_cell(n: int, m: int, band: float | None) -> None:
    steps = compute_dtw_path(make_noise(n, seed=3), make_noise(m, seed=4), band).steps
    assert steps[0].tolist() == [0, 0]
    assert steps[-1].tolist() == [n - 1, m - 1]
    assert set(map(tuple, np.diff(steps, axis=0).tolist())) <= {(1, 0), (0, 1), (1, 1)}
    assert all(is_inside_band((i, j), (n, m), band) for i, j in steps.tolist())


def test_the_cost_is_the_sum_of_distances_along_the_path() -> None:
    first, second = make_noise(30, seed=1), make_noise(23, seed=2)
    path = compute_dtw_path(first, second)
    summed = sum(cosine_distance(first[i].tolist(), second[j].tolist()) for i, j in path.steps)
    assert path.cost == pytest.approx(summed, rel=1e-5)


@pytest.mark.parametrize("width", [1, 64, 768])
def test_a_sequence_and_itself_give_the_diagonal_even_where_its_tokens_are_zero(width: int) -> None:
    first = make_noise(200, width)
    first[40:90] = first[40]  # fifty tokens of the same hum
    first[120:140] = 0
    path = compute_dtw_path(first, first)
    assert path.steps.tolist() == [[i, i] for i in range(200)]
    assert path.cost == 20  # the zeros, each at distance 1; float32 noise does not count


def test_swapped_reversed_and_louder_sequences_cost_the_same() -> None:
    first, second = make_noise(25, seed=1), make_noise(34, seed=2)
    path = compute_dtw_path(first, second)
    swapped = compute_dtw_path(second, first)
    assert swapped.cost == pytest.approx(path.cost, rel=1e-6)
    assert swapped.steps[:, ::-1].tolist() == path.steps.tolist()
    assert compute_dtw_path(first[::-1], second[::-1]).cost == pytest.approx(path.cost, rel=1e-6)
    loudness = np.random.default_rng(0).uniform(1e-9, 1e9, (25, 1))
    louder = compute_dtw_path(first * loudness, second)
    assert louder.cost == pytest.approx(path.cost, rel=1e-5)
    assert louder.steps.tolist() == path.steps.tolist()


@pytest.mark.parametrize("band", [None, 0.1])
def test_a_copy_stretched_in_time_is_recovered(band: float | None) -> None:
    first, counts = make_noise(40, 32), np.random.default_rng(1).permutation([1, 2, 3, 2] * 10)
    path = compute_dtw_path(first, first.repeat(counts, 0), band)
    assert path.steps[:, 0].tolist() == np.arange(40).repeat(counts).tolist()
    assert path.steps[:, 1].tolist() == list(range(80))
    assert path.cost == 0


def test_the_narrowest_band_of_equal_lengths_is_the_diagonal() -> None:
    path = compute_dtw_path(make_noise(30, seed=1), make_noise(30, seed=2), band=0)
    assert path.steps.tolist() == [[i, i] for i in range(30)]


def test_a_wider_band_never_costs_more_and_the_widest_is_none() -> None:
    first, second = make_noise(60, seed=1), make_noise(45, seed=2)
    costs = [
        compute_dtw_path(first, second, band).cost for band in (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
    ]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1] == compute_dtw_path(first, second).cost


def test_a_path_exists_in_the_narrowest_band_of_any_two_lengths() -> None:
    for n in range(1, 14):
        for m in range(1, 14):
            assert compute_dtw_path(
                make_noise(n, seed=n), make_noise(m, seed=m), band=0
            ).cost <= 2 * (n + m), (n, m)


def test_a_single_token_is_aligned_with_every_token_of_the_other_sequence() -> None:
    first, second = make_noise(1), make_noise(6, seed=1)
    for steps in (
        compute_dtw_path(first, second, 0.0).steps,
        compute_dtw_path(second, first, 0.0).steps[:, ::-1],
    ):
        assert steps.tolist() == [[0, j] for j in range(6)]


def test_zeros_are_at_distance_one_from_everything() -> None:
    nothing, first = np.zeros((4, 8), np.float32), make_noise(4)
    for path in (
        compute_dtw_path(nothing, first),
        compute_dtw_path(first, nothing),
        compute_dtw_path(nothing, nothing),
    ):
        assert path.cost == 4
        assert path.steps.tolist() == [[i, i] for i in range(4)]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (make_noise(0), make_noise(5), r"\(0, 8\) and \(5, 8\)"),
        (make_noise(5)[0], make_noise(5), r"\(8,\) and \(5, 8\)"),
        (make_noise(5, 8), make_noise(5, 9), r"\(5, 8\) and \(5, 9\)"),
        (make_noise(5), np.where(np.arange(5)[:, None] == 3, np.nan, make_noise(5)), "token 3"),
        (np.where(np.arange(5)[:, None] == 2, np.inf, make_noise(5)), make_noise(5), "token 2"),
    ],
)
def test_sequences_without_a_path_are_an_error(first: Rows, second: Rows, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compute_dtw_path(first, second)


@pytest.mark.parametrize("band", [-0.1, 1.5, math.nan])
def test_a_band_outside_0_to_1_is_an_error(band: float) -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        compute_dtw_path(make_noise(5), make_noise(5), band)


@pytest.mark.parametrize("error", [RuntimeError("no locator available"), EOFError("cut off")])
def test_machine_code_that_cannot_be_cached_is_compiled_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, expected = numba.njit, compute_dtw_path(make_noise(9), make_noise(7, seed=1))
    caching = []

    def fail_with_cache(types: str, *, cache: bool, nogil: bool) -> object:
        caching.append(cache)
        if cache:
            raise error
        return real(types, nogil=nogil)

    monkeypatch.setattr(numba, "njit", fail_with_cache)
    dtw_kernels.get_kernels.cache_clear()
    try:
        path = compute_dtw_path(make_noise(9), make_noise(7, seed=1))
    finally:
        dtw_kernels.get_kernels.cache_clear()
    assert caching == [True, False, False]
    assert path.cost == expected.cost
    assert path.steps.tolist() == expected.steps.tolist()


def make_pair(name: str) -> Pair:
    def clip(view: View) -> Clip:
        return Clip(f"{name}-{view}", view, "m", start=0, end=1, narration="n", take="t")

    return Pair(name, clip("ego"), clip("exo"), "n")


@pytest.mark.parametrize("band", BANDS)
def test_short_pairs_of_one_shape_get_the_paths_of_the_compiled_loops(band: float | None) -> None:
    rng = np.random.default_rng(7)
    lengths = {
        f"{i}-{view}": length
        for i in range(12)
        for view, length in (("ego", 9 + i % 3), ("exo", 12))
    }
    rows = {
        name: EXACT[rng.integers(len(EXACT), size=n)] if name < "6" else make_noise(n, 4, seed=i)
        for i, (name, n) in enumerate(lengths.items())
    }
    bank = FeatureBank(list(rows), [FeatureRows(row, "audible") for row in rows.values()])
    pairs = [make_pair(str(i)) for i in range(12)]
    paths = align_pairs(bank, pairs, band)
    assert list(paths) == [pair.id for pair in pairs]
    for name, path in paths.items():
        expected = compute_dtw_path(rows[f"{name}-ego"], rows[f"{name}-exo"], band)
        assert path.cost == expected.cost
        assert path.steps.tolist() == expected.steps.tolist()


def test_long_pairs_are_aligned_by_the_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egoexobench.models.dtw.MAX_UNCOMPILED_CELLS", 10)
    monkeypatch.setattr("egoexobench.models.dtw.trace_paths", None)
    rows = {"a-ego": make_noise(5), "a-exo": make_noise(4, seed=1)}
    bank = FeatureBank(list(rows), [FeatureRows(row, "audible") for row in rows.values()])
    path = align_pairs(bank, [make_pair("a")])["a"]
    assert path.steps[-1].tolist() == [4, 3]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_every_pair_with_two_sounds_gets_the_path_of_its_rows(dtype: type[np.floating]) -> None:
    lengths = {"a-ego": 9, "a-exo": 12, "b-ego": 0, "b-exo": 5, "c-ego": 3, "c-exo": 3, "d-ego": 4}
    lengths["d-exo"] = 0
    rows = {
        name: make_noise(n, seed=i).astype(dtype) for i, (name, n) in enumerate(lengths.items())
    }
    bank = FeatureBank(
        list(rows), [FeatureRows(row, "audible" if len(row) else "silent") for row in rows.values()]
    )
    paths = align_pairs(bank, [make_pair(name) for name in "dcba"], band=0.2)
    assert set(paths) == {"a", "c"}
    for name, path in paths.items():
        expected = compute_dtw_path(rows[f"{name}-ego"], rows[f"{name}-exo"], 0.2)
        assert path.cost == expected.cost
        assert path.steps.tolist() == expected.steps.tolist()


def make_tokens(lengths: list[int], count: int, seed: int) -> Tokens:
    values = torch.from_numpy(make_noise(len(lengths) * count, 6, seed)).view(
        len(lengths), count, 6
    )
    return Tokens(values, torch.arange(count) < torch.tensor(lengths)[:, None])


def align_rows(first: Tokens, second: Tokens) -> list[AlignmentPath | None]:
    both = zip(first.values, first.mask, second.values, second.mask, strict=True)
    return [compute_dtw_path(a[p], b[q]) if p.any() and q.any() else None for a, p, b, q in both]


def test_warped_sequences_are_read_along_their_paths() -> None:
    first, second = make_tokens([5, 8, 1], 8, 1), make_tokens([7, 3, 4], 9, 2)
    paths = align_rows(first, second)
    ego, exo = warp_pair(first, second, paths)
    longest = max(len(path.steps) for path in paths if path)
    assert ego.values.shape == exo.values.shape == (3, longest, 6)
    assert torch.equal(ego.mask, exo.mask)
    for row, path in enumerate(paths):
        assert path is not None
        assert int(ego.mask[row].sum()) == len(path.steps)
        for step, (i, j) in enumerate(path.steps):
            assert ego.mask[row, step]
            assert torch.equal(ego.values[row, step], first.values[row, i])
            assert torch.equal(exo.values[row, step], second.values[row, j])


def test_rows_without_sound_are_returned_as_they_are() -> None:
    first, second = make_tokens([5, 0, 6, 0], 6, 1), make_tokens([4, 8, 0, 0], 8, 2)
    paths = align_rows(first, second)
    assert [path is None for path in paths] == [False, True, True, True]
    for tokens, warped in zip((first, second), warp_pair(first, second, paths), strict=True):
        assert warped.values.shape[:2] == warped.mask.shape
        for row in (1, 2, 3):
            assert warped.mask[row].sum() == tokens.mask[row].sum()
            real = tokens.values[row][tokens.mask[row]]
            assert torch.equal(warped.values[row][warped.mask[row]], real)


def test_warping_a_row_does_not_depend_on_its_batch() -> None:
    first, second = make_tokens([5, 8, 0], 8, 1), make_tokens([7, 3, 4], 9, 2)
    paths = align_rows(first, second)
    batch = warp_pair(first, second, paths)
    for row in range(3):
        ego, exo = (Tokens(t.values[row, None], t.mask[row, None]) for t in (first, second))
        for alone, batched in zip(warp_pair(ego, exo, [paths[row]]), batch, strict=True):
            expected = batched.values[row][batched.mask[row]]
            assert torch.equal(alone.values[0][alone.mask[0]], expected)


def test_a_path_of_other_sequences_is_refused() -> None:
    first, second = make_tokens([5], 5, 1), make_tokens([7], 7, 2)
    paths = align_rows(first, second)
    with pytest.raises(ValueError, match=r"row 0 has \[4, 7\] tokens, its path is for \[5, 7\]"):
        warp_pair(make_tokens([4], 5, 1), second, paths)
    with pytest.raises(ValueError, match="zip"):
        warp_pair(first, second, [])
