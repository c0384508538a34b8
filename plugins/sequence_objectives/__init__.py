"""Objectives `dtw-contrastive`, `dtw`, `dtw-consistency`, `tcc`, `vava`, `mean-info-nce`.

They compare the tokens of both videos of a pair; the last one alone ignores their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench.toolbox.option_limits import check_minimum

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import SequenceObjective

SMALLEST = 1e-6
"""Least temperature and softness."""


@hookimpl
def register_objectives(register: Register) -> None:
    """Register the objectives."""
    register("dtw-contrastive", dtw_contrastive)
    register("dtw", dtw)
    register("dtw-consistency", dtw_consistency)
    register("tcc", tcc)
    register("vava", vava)
    register("mean-info-nce", mean_info_nce)


def dtw_contrastive(
    *,
    positions: int = 30,
    select: Literal["random", "centers"] = "random",
    cyclic: bool = False,
    ratio: float = 1.0,
    margin: float = 0.0,
    scale: float = 0.01,
    temperature: float = 0.1,
    softness: float = 0.1,
    minimum: Literal["softmax", "log-sum-exp", "hard"] = "softmax",
) -> SequenceObjective:
    """AE2: two videos fit better forwards than one against the other backwards.

    The cost of a pair is the last cell of `dtw`, of all frames and of some of them, plus the ratio
    times relu(cost of some frames - their cost with the exo frames in reversed order + margin).
    It works for any clips with tokens in time, not for the AE2 encoder alone.

    Args:
        positions: frames of each video that are some of them, fewer if the video has fewer
            (released: 30 break_eggs, 16 pour_liquid, 10 tennis_forehand; else 4).
        select: `random` draws them without replacement, `centers` takes the centers of bins.
        cyclic: a coin chooses the first or the second half of them, as the release does for
            pour_milk and pour_liquid, where an action can repeat.
        ratio: weight of the comparison with the reversed order (released: 1 break_eggs, 2
            pour_liquid, 4 tennis_forehand).
        margin: by how much the reversed order must cost more (released: 0).
        scale: factor of every cost (released: 0.01).
        temperature: of the softmax that makes costs of dot products (released: 0.1).
        softness: of the minimum over the three neighbors of a cell (released: 0.1).
        minimum: `softmax` weighs the neighbors, as released; the release can be set to the others.

    Different from the release: it draws the frames by the mean score of their boxes, which an
    objective does not see; random ones are equally likely here. They and the coin depend on the
    ids of the pair and the number of the step alone, so that several processes draw the same.

    Bugs of the release that are not repeated: with task `align` the number of the training step is
    passed as the positions, so that this loss fails; the border of the table is the largest float,
    so that a gradient above 1 becomes NaN (the border is left out here: the same numbers). Called
    cosine, the cost is a plain dot product of vectors that are not normalized, as here.

    Source: Xue and Grauman (NeurIPS 2023), arXiv:2306.05526; zihuixue/AlignEgoExo, commit e73d055,
    models/dtw_loss.py, scripts/run.sh.
    """
    from egoexobench_plugins.sequence_objectives.order_contrast import OrderContrast
    from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost

    part = "objective 'dtw-contrastive'"
    _check_warping(part, temperature, softness)
    limits = {"positions": (positions, 1), "ratio": (ratio, 0), "margin": (margin, 0)}
    check_minimum(part, limits)
    return OrderContrast(
        WarpedCost(scale, temperature, softness, minimum),
        num_positions=positions,
        select=select,
        cyclic=cyclic,
        ratio=ratio,
        margin=margin,
    )


def dtw(
    *,
    scale: float = 0.01,
    temperature: float = 0.1,
    softness: float = 0.1,
    minimum: Literal["softmax", "log-sum-exp", "hard"] = "softmax",
) -> SequenceObjective:
    """Soft dynamic time warping: the cost of the best alignment of two videos, as AE2 has it.

    The cost of two frames is -log softmax(dot product / temperature) over the frames of the ego
    video. The loss is the mean of the last cells of the tables. Costs of long videos are larger.

    Args:
        scale: factor of the cost (released: 0.01).
        temperature: of the softmax that makes costs of dot products (released: 0.1).
        softness: of the minimum over the three neighbors of a cell (released: 0.1).
        minimum: `softmax` weighs the neighbors, as released; the release can be set to the others.

    Bug of the release that is not repeated: the border of the table is the largest float, so that
    a gradient above 1 becomes NaN.

    Source: Xue and Grauman (NeurIPS 2023), arXiv:2306.05526; zihuixue/AlignEgoExo, commit e73d055,
    models/dtw_loss.py. The released training of pour_milk uses it (scripts/run.sh).
    """
    from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost

    _check_warping("objective 'dtw'", temperature, softness)
    return WarpedCost(scale, temperature, softness, minimum)


def dtw_consistency(
    *,
    smoothing: float = 0.1,
    warping: float = 0.1,
    scale: float = 0.01,
    temperature: float = 0.1,
    softness: float = 0.1,
    minimum: Literal["softmax", "log-sum-exp", "hard"] = "softmax",
) -> SequenceObjective:
    """Global cycle consistency: from ego to exo and back along soft alignments ends at the start.

    Tables of `dtw` in both directions become soft assignments by a softmax of the negative table
    over its rows. A cross-entropy compares their product with the identity.

    Args:
        smoothing: of the labels of the cross-entropy (released: 0.1).
        warping: weight of the costs of `dtw` in each direction (released: 0.1).
        scale: factor of the loss (released: 0.01).
        temperature: of the softmax that makes costs of dot products (released: 0.1).
        softness: of the minimum over the three neighbors of a cell (released: 0.1).
        minimum: `softmax` weighs the neighbors, as released; the release can be set to the others.

    As in the release, the product of two assignments, whose entries are between 0 and 1, is used as
    logits, so the cross-entropy stays above log(1 + (T - 1) / e), about 2.5 for 32 frames.

    Source: Hadji et al. (CVPR 2021), arXiv:2105.05217, in the form of zihuixue/AlignEgoExo, commit
    e73d055, models/dtw_loss.py.
    """
    from egoexobench_plugins.sequence_objectives.cycle_consistency import CycleConsistency
    from egoexobench_plugins.sequence_objectives.warped_cost import WarpedCost

    part = "objective 'dtw-consistency'"
    _check_warping(part, temperature, softness)
    check_minimum(part, {"smoothing": (smoothing, 0), "warping": (warping, 0)})
    return CycleConsistency(
        WarpedCost(scale, temperature, softness, minimum), smoothing=smoothing, warping=warping
    )


def tcc(*, temperature: float = 0.1, variance_weight: float = 0.001) -> SequenceObjective:
    """Temporal cycle-consistency: a frame's soft neighbor in the exo video finds its time again.

    The loss is the squared error of the expected time, as a share of the clip, divided by its
    variance, plus the weighted logarithm of the variance. It goes from ego to exo and back, not the
    other way, and does not read the times of the exo clip: order is no part of it.

    Args:
        temperature: of both softmaxes over squared distances / D (released: 0.1).
        variance_weight: of the logarithm of the variance (released: 0.001).

    Different from the release: the variance is computed from its logarithm, so that a softmax that
    is 1 at one frame gives no NaN (the same numbers elsewhere).

    Source: Dwibedi et al. (CVPR 2019), arXiv:1904.07846, in the form of zihuixue/AlignEgoExo,
    commit e73d055, models/tcc_loss.py.
    """
    from egoexobench_plugins.sequence_objectives.time_regression import TimeRegression

    check_minimum("objective 'tcc'", {"temperature": (temperature, SMALLEST)})
    return TimeRegression(temperature, variance_weight)


def vava(
    *,
    iterations: int = 20,
    virtual_cost: float = 0.5,
    window: float = 15.0,
    margin: float = 2.0,
    step: Literal["count", "zero"] = "count",
) -> SequenceObjective:
    """VAVA: optimal transport between two videos with a virtual frame for what has no partner.

    A prior joins the diagonal with the nearest frame; the diagonal weighs 0.999^floor(sqrt(step +
    1)), at least 0.001. In each video, near frames are pulled together and others pushed apart.

    Args:
        iterations: of Sinkhorn's algorithm (released: 20).
        virtual_cost: cost of the virtual frame (released: 0.5).
        window: frames further apart than this are pushed apart (released: 15).
        margin: up to this mean squared difference (released: 2).
        step: `count` is the number of training steps; `zero` is what the release passes with task
            `align`, where the count lands in another argument and the prior never changes.

    Bugs of the release that are repeated, as its numbers contain them: the last term compares
    frames without gradients and with logits and labels exchanged, so that it moves the loss and
    trains nothing; the prior of the nearest frame points one frame too early;
    the distance is divided by the size of the table twice. Videos of different lengths fail there;
    here the two means of the last term are added.

    Source: Liu et al. (CVPR 2022), arXiv:2111.09301, in the form of zihuixue/AlignEgoExo, commit
    e73d055, models/vava_loss.py.
    """
    from egoexobench_plugins.sequence_objectives.transport import OptimalTransport

    limits = {"iterations": (iterations, 1), "virtual_cost": (virtual_cost, 0)}
    check_minimum("objective 'vava'", limits | {"window": (window, 0), "margin": (margin, 0)})
    return OptimalTransport(
        num_iterations=iterations,
        virtual_cost=virtual_cost,
        window=window,
        margin=margin,
        counts_steps=step == "count",
    )


def mean_info_nce(*, temperature: float = 0.07) -> SequenceObjective:
    """InfoNCE between the mean tokens of both videos: what the others are without any order.

    It reads the same videos and nothing else, so the difference of another objective to it is what
    time contributes. It is a baseline of ours, from no paper.

    Args:
        temperature: of the cosine similarities (ours: that of `info-nce`).
    """
    from egoexobench_plugins.sequence_objectives.pooled_contrast import PooledContrast

    check_minimum("objective 'mean-info-nce'", {"temperature": (temperature, SMALLEST)})
    return PooledContrast(temperature)


def _check_warping(part: str, temperature: float, softness: float) -> None:
    options = {"temperature": (temperature, SMALLEST), "softness": (softness, SMALLEST)}
    check_minimum(part, options)
