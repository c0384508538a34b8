import pytest

from egoexobench.captioning.concepts import extract_concepts, find_frequent_concepts, validate_share
from egoexobench.errors import UsageError
from egoexobench_plugins.captions.rule_captioner import RuleCaptioner


def test_concepts_are_sources_their_words_and_effects() -> None:
    concepts = extract_concepts("[a person turning off the Light] (soft Click)")
    assert concepts == {"person", "turning", "light", "person turning light", "soft click"}


def test_a_concept_counts_once_a_document_and_the_most_frequent_comes_first() -> None:
    captions = ["[jar] (pop), [jar] (pop)", "[tin] (pop)", "[cup] (clink)", "[jar] (clink)"]
    assert find_frequent_concepts(captions, 0.5) == ("clink", "jar", "pop")
    assert find_frequent_concepts(captions, 0.51) == ()
    assert find_frequent_concepts([*captions, "[bag] (pop)"], 0.5) == ("pop",)
    assert find_frequent_concepts([], 0.5) == ()


def test_equal_narrations_count_as_often_as_they_occur() -> None:
    assert find_frequent_concepts(["[jar] (pop)"] * 3 + ["[tin] (clank)"], 0.75) == ("jar", "pop")


@pytest.mark.parametrize("wrong", [0.0, -1.0, 1.01])
def test_a_threshold_that_is_no_share_is_a_usage_error(wrong: float) -> None:
    with pytest.raises(UsageError, match="share above 0 and up to 1"):
        validate_share(wrong)


@pytest.mark.parametrize(
    ("caption", "refined"),
    [
        ("[person] (steps), [jar] (pop)", "[jar] (pop)"),
        # a rare half keeps the pair
        ("[person] (pop), [jar] (steps)", "[person] (pop), [jar] (steps)"),
        # all frequent: the pair with the rarest half, then the first of equals
        ("[person] (steps), [door] (steps)", "[door] (steps)"),
        ("[person] (steps), [person] (steps)", "[person] (steps)"),
        ("[the person] (Steps), [jar] (pop)", "[jar] (pop)"),
    ],
)
def test_rules_drop_pairs_that_are_frequent_on_both_sides(caption: str, refined: str) -> None:
    assert RuleCaptioner(0.5).refine([caption], ("person", "steps", "door")) == [refined]
