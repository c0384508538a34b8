"""A plan puts each group of items into an order of its own."""

from egoexobench.features.batch_plan import SCORING_PLAN, BatchPlan

NAMES = [f"p{number}" for number in range(1000)]


def test_every_item_is_in_one_batch_and_the_order_of_the_input_does_not_matter() -> None:
    batches = BatchPlan(size=64).split(NAMES, "ego")
    assert sorted(name for batch in batches for name in batch) == sorted(NAMES)
    assert [len(batch) for batch in batches] == [64] * 15 + [40]
    assert BatchPlan(size=64).split(NAMES[::-1], "ego") == batches


def test_the_position_of_a_clip_says_no_more_of_its_partner_than_chance() -> None:
    positions = {
        view: {name: i for i, name in enumerate(SCORING_PLAN.sort(NAMES, view))}
        for view in ("ego", "exo", "text")
    }
    for first, second in (("ego", "exo"), ("ego", "text"), ("exo", "text")):
        distances = [abs(positions[first][name] - positions[second][name]) for name in NAMES]
        assert sum(distance == 0 for distance in distances) <= 5
        assert 300 < sum(distances) / len(distances) < 370  # a third of 1,000


def test_another_seed_is_another_order() -> None:
    assert BatchPlan(seed=1).sort(NAMES, "ego") != SCORING_PLAN.sort(NAMES, "ego")
