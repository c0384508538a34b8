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


def noise(count: int, width: int = 8, seed: int = 0) -> Rows:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def distance(one: list[float], other: list[float]) -> float:
    lengths = math.sqrt(sum(a * a for a in one)) * math.sqrt(sum(b * b for b in other))
    return 1 - sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 1.0


def inside(i: int, j: int, n: int, m: int, band: float | None) -> bool:
    """Whether a cell is near the line between the ends, told in places of the longer sequence."""
    longer, shorter = max(n, m), min(n, m)
    if band is None or shorter == 1:
        return True
    step = (longer - 1) / (shorter - 1)
    apart = abs(i * step - j) if n == shorter else abs(i - j * step)
    return apart <= max(band * longer, step / 2) + 1e-9


def reference(one: Rows, other: Rows, band: float | None) -> tuple[float, list[list[int]]]:
    """The recurrence, cell by cell; ties go to the diagonal, then to the first sequence's step."""
    n, m = len(one), len(other)
    first, second = one.astype(float).tolist(), other.astype(float).tolist()
    costs = {(0, 0): distance(first[0], second[0])}
    before: dict[tuple[int, int], tuple[int, int]] = {}
    for i in range(n):
        for j in range(m):
            ways = [c for c in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if c in costs]
            if ways and inside(i, j, n, m, band):
                before[i, j] = min(ways, key=lambda cell: costs[cell])  # the first of the least
                costs[i, j] = costs[before[i, j]] + distance(first[i], second[j])
    cell = (n - 1, m - 1)
    steps = [list(cell)]
    while cell != (0, 0):
        cell = before[cell]
        steps.append(list(cell))
    return costs[n - 1, m - 1], steps[::-1]


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_cost_and_path_are_those_of_plain_loops(n: int, m: int, band: float | None) -> None:
    one, other = noise(n, seed=1), noise(m, seed=2)
    found, (cost, steps) = compute_dtw_path(one, other, band), reference(one, other, band)
    assert found.steps.tolist() == steps
    assert found.cost == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("seed", range(8))
def test_ties_are_broken_as_the_rule_says(seed: int, band: float | None) -> None:
    rng = np.random.default_rng(seed)
    one, other = (EXACT[rng.integers(len(EXACT), size=rng.integers(2, 25))] for _ in range(2))
    found, (cost, steps) = compute_dtw_path(one, other, band), reference(one, other, band)
    assert found.steps.tolist() == steps
    assert found.cost == cost  # nothing is rounded


def test_where_all_is_alike_the_path_ends_diagonally() -> None:
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
def test_a_path_ties_the_ends_and_moves_by_one_cell(n: int, m: int, band: float | None) -> None:
    steps = compute_dtw_path(noise(n, seed=3), noise(m, seed=4), band).steps
    assert steps[0].tolist() == [0, 0]
    assert steps[-1].tolist() == [n - 1, m - 1]
    assert set(map(tuple, np.diff(steps, axis=0).tolist())) <= {(1, 0), (0, 1), (1, 1)}
    assert all(inside(i, j, n, m, band) for i, j in steps.tolist())


def test_the_cost_is_the_sum_of_distances_along_the_path() -> None:
    one, other = noise(30, seed=1), noise(23, seed=2)
    found = compute_dtw_path(one, other)
    summed = sum(distance(one[i].tolist(), other[j].tolist()) for i, j in found.steps)
    assert found.cost == pytest.approx(summed, rel=1e-5)


@pytest.mark.parametrize("width", [1, 64, 768])
def test_a_sequence_and_itself_give_the_diagonal_even_where_it_is_silent(width: int) -> None:
    one = noise(200, width)
    one[40:90] = one[40]  # fifty tokens of the same hum
    one[120:140] = 0
    found = compute_dtw_path(one, one)
    assert found.steps.tolist() == [[i, i] for i in range(200)]
    assert found.cost == 20  # the zeros, each at distance 1; float32 noise does not count


def test_swapped_reversed_and_louder_sequences_cost_the_same() -> None:
    one, other = noise(25, seed=1), noise(34, seed=2)
    found = compute_dtw_path(one, other)
    swapped = compute_dtw_path(other, one)
    assert swapped.cost == pytest.approx(found.cost, rel=1e-6)
    assert swapped.steps[:, ::-1].tolist() == found.steps.tolist()
    assert compute_dtw_path(one[::-1], other[::-1]).cost == pytest.approx(found.cost, rel=1e-6)
    loudness = np.random.default_rng(0).uniform(1e-9, 1e9, (25, 1))
    louder = compute_dtw_path(one * loudness, other)
    assert louder.cost == pytest.approx(found.cost, rel=1e-5)
    assert louder.steps.tolist() == found.steps.tolist()


@pytest.mark.parametrize("band", [None, 0.1])
def test_a_copy_stretched_in_time_is_recovered(band: float | None) -> None:
    one, counts = noise(40, 32), np.random.default_rng(1).permutation([1, 2, 3, 2] * 10)
    found = compute_dtw_path(one, one.repeat(counts, 0), band)
    assert found.steps[:, 0].tolist() == np.arange(40).repeat(counts).tolist()
    assert found.steps[:, 1].tolist() == list(range(80))
    assert found.cost == 0


def test_the_narrowest_band_of_equal_lengths_is_the_diagonal() -> None:
    found = compute_dtw_path(noise(30, seed=1), noise(30, seed=2), band=0)
    assert found.steps.tolist() == [[i, i] for i in range(30)]


def test_a_wider_band_never_costs_more_and_the_widest_is_none() -> None:
    one, other = noise(60, seed=1), noise(45, seed=2)
    costs = [compute_dtw_path(one, other, band).cost for band in (0, 0.02, 0.05, 0.1, 0.2, 0.5, 1)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1] == compute_dtw_path(one, other).cost


def test_a_path_exists_in_the_narrowest_band_of_any_two_lengths() -> None:
    for n in range(1, 14):
        for m in range(1, 14):
            assert compute_dtw_path(noise(n, seed=n), noise(m, seed=m), band=0).cost <= 2 * (
                n + m
            ), (n, m)


def test_one_token_is_tied_to_every_token_of_the_other() -> None:
    one, other = noise(1), noise(6, seed=1)
    for found in (
        compute_dtw_path(one, other, 0.0).steps,
        compute_dtw_path(other, one, 0.0).steps[:, ::-1],
    ):
        assert found.tolist() == [[0, j] for j in range(6)]


def test_zeros_are_at_distance_one_from_everything() -> None:
    nothing, one = np.zeros((4, 8), np.float32), noise(4)
    for found in (
        compute_dtw_path(nothing, one),
        compute_dtw_path(one, nothing),
        compute_dtw_path(nothing, nothing),
    ):
        assert found.cost == 4
        assert found.steps.tolist() == [[i, i] for i in range(4)]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (noise(0), noise(5), r"\(0, 8\) and \(5, 8\)"),
        (noise(5)[0], noise(5), r"\(8,\) and \(5, 8\)"),
        (noise(5, 8), noise(5, 9), r"\(5, 8\) and \(5, 9\)"),
        (noise(5), np.where(np.arange(5)[:, None] == 3, np.nan, noise(5)), "token 3"),
        (np.where(np.arange(5)[:, None] == 2, np.inf, noise(5)), noise(5), "token 2"),
    ],
)
def test_what_has_no_path_is_told(one: Rows, other: Rows, told: str) -> None:
    with pytest.raises(DataError, match=told):
        compute_dtw_path(one, other)


@pytest.mark.parametrize("band", [-0.1, 1.5, math.nan])
def test_a_band_that_is_no_share_is_told(band: float) -> None:
    with pytest.raises(UsageError, match="0 to 1"):
        compute_dtw_path(noise(5), noise(5), band)


@pytest.mark.parametrize("trouble", [RuntimeError("no locator available"), EOFError("cut off")])
def test_where_machine_code_cannot_be_kept_or_read_it_is_compiled_anew(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, expected = numba.njit, compute_dtw_path(noise(9), noise(7, seed=1))
    asked = []

    def njit(types: str, *, cache: bool, nogil: bool) -> object:
        asked.append(cache)
        if cache:
            raise trouble
        return real(types, nogil=nogil)

    monkeypatch.setattr(numba, "njit", njit)
    dtw_kernels.get_kernels.cache_clear()
    try:
        found = compute_dtw_path(noise(9), noise(7, seed=1))
    finally:
        dtw_kernels.get_kernels.cache_clear()
    assert asked == [True, False, False]
    assert found.cost == expected.cost
    assert found.steps.tolist() == expected.steps.tolist()


def pair(name: str) -> Pair:
    def clip(view: View) -> Clip:
        return Clip(f"{name}-{view}", view, "m", 0, 1, "n", "t")

    return Pair(name, clip("ego"), clip("exo"), "n")


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_every_pair_with_two_sounds_gets_the_path_of_its_rows(kind: type[np.floating]) -> None:
    lengths = {"a-ego": 9, "a-exo": 12, "b-ego": 0, "b-exo": 5, "c-ego": 3, "c-exo": 3, "d-ego": 4}
    lengths["d-exo"] = 0
    rows = {name: noise(n, seed=i).astype(kind) for i, (name, n) in enumerate(lengths.items())}
    bank = FeatureBank(
        list(rows), [FeatureRows(row, "audible" if len(row) else "silent") for row in rows.values()]
    )
    found = align_pairs(bank, [pair(name) for name in "dcba"], band=0.2)
    assert set(found) == {"a", "c"}
    for name, path in found.items():
        expected = compute_dtw_path(rows[f"{name}-ego"], rows[f"{name}-exo"], 0.2)
        assert path.cost == expected.cost
        assert path.steps.tolist() == expected.steps.tolist()


def tokens(lengths: list[int], count: int, seed: int) -> Tokens:
    values = torch.from_numpy(noise(len(lengths) * count, 6, seed)).view(len(lengths), count, 6)
    return Tokens(values, torch.arange(count) < torch.tensor(lengths)[:, None])


def pairwise(one: Tokens, other: Tokens) -> list[AlignmentPath | None]:
    both = zip(one.values, one.mask, other.values, other.mask, strict=True)
    return [compute_dtw_path(a[p], b[q]) if p.any() and q.any() else None for a, p, b, q in both]


def test_warped_sequences_are_read_along_their_paths() -> None:
    one, other = tokens([5, 8, 1], 8, 1), tokens([7, 3, 4], 9, 2)
    found = pairwise(one, other)
    ego, exo = warp_pair(one, other, found)
    longest = max(len(path.steps) for path in found if path)
    assert ego.values.shape == exo.values.shape == (3, longest, 6)
    assert torch.equal(ego.mask, exo.mask)
    for row, path in enumerate(found):
        assert path is not None
        assert int(ego.mask[row].sum()) == len(path.steps)
        for step, (i, j) in enumerate(path.steps):
            assert ego.mask[row, step]
            assert torch.equal(ego.values[row, step], one.values[row, i])
            assert torch.equal(exo.values[row, step], other.values[row, j])


def test_rows_without_sound_are_returned_as_they_are() -> None:
    one, other = tokens([5, 0, 6, 0], 6, 1), tokens([4, 8, 0, 0], 8, 2)
    found = pairwise(one, other)
    assert [path is None for path in found] == [False, True, True, True]
    for given, warped in zip((one, other), warp_pair(one, other, found), strict=True):
        assert warped.values.shape[:2] == warped.mask.shape
        for row in (1, 2, 3):
            assert warped.mask[row].sum() == given.mask[row].sum()
            real = given.values[row][given.mask[row]]
            assert torch.equal(warped.values[row][warped.mask[row]], real)


def test_warping_a_row_does_not_depend_on_its_batch() -> None:
    one, other = tokens([5, 8, 0], 8, 1), tokens([7, 3, 4], 9, 2)
    found = pairwise(one, other)
    whole = warp_pair(one, other, found)
    for row in range(3):
        ego, exo = (Tokens(t.values[row, None], t.mask[row, None]) for t in (one, other))
        for alone, batched in zip(warp_pair(ego, exo, [found[row]]), whole, strict=True):
            expected = batched.values[row][batched.mask[row]]
            assert torch.equal(alone.values[0][alone.mask[0]], expected)


def test_a_path_of_other_sequences_is_refused() -> None:
    one, other = tokens([5], 5, 1), tokens([7], 7, 2)
    found = pairwise(one, other)
    with pytest.raises(ValueError, match=r"row 0 has \[4, 7\] tokens, its path is for \[5, 7\]"):
        warp_pair(tokens([4], 5, 1), other, found)
    with pytest.raises(ValueError, match="zip"):
        warp_pair(one, other, [])
