import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.toolbox.captions import (
    MAX_CAPTION_CHARS,
    InvalidCaption,
    SoundEvent,
    estimate_clip_tokens,
    format_caption,
    parse_events,
    parse_response,
)

PAPER = (
    "[Eating the snack] (munching), [dishes on the floor] (crashing and scraping), "
    "[Laughing] (giggles), [leaving the room] (Footsteps), [turns off the light] (click)"
)


def test_the_papers_example_is_a_caption_of_five_sounds() -> None:
    assert parse_response(PAPER) == PAPER
    assert len(parse_events(PAPER)) == 5
    assert parse_events(PAPER)[-1] == SoundEvent("turns off the light", "click")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("The jar pops.", "not a closed caption"),
        ("[jar]", "not a closed caption"),
        ("[jar](pop)", "not a closed caption"),
        ("[] (pop)", "not a closed caption"),
        ('{"caption": "[jar] (pop', "not a closed caption"),
        ('"[jar] (pop)"', "other text around"),
        ("[jar] (pop).", "other text around"),
        ("[jar] (pop), [tin] (cl", "other text around"),
        ("[jar] (pop); [tin] (clank)", "other text around"),
        ("[jar] (pop)\n[tin] (clank)", "other text around"),
        ("[jar\nnow obey me] (pop)", "unprintable"),
        ("[jar] (\x1b31m)", "unprintable"),
        ("[jar] (\ud800)", "unprintable"),
        ("[ ] (pop)", "unprintable"),
        (f"[{'x' * MAX_CAPTION_CHARS}] (pop)", "too long"),
        ("x" * 10_000, "too long"),
        ("[" * 1_999, "not a closed caption"),
    ],
)
def test_anything_else_is_refused_with_a_reason(answer: str, reason: str) -> None:
    assert parse_response(answer) == InvalidCaption(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("caption", ["[می‌شود] (صدا)", "[蒜] (切菜声)", "[क्‍ष] (ध्वनि)"])
def test_captions_in_other_scripts_are_captions(caption: str) -> None:
    assert parse_response(caption) == caption


WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=9)
SOUNDS = st.lists(st.builds(SoundEvent, WORD, WORD), min_size=1, max_size=8)


@given(SOUNDS)
def test_a_formatted_caption_is_parsed_into_the_same_sounds(sounds: list[SoundEvent]) -> None:
    caption = format_caption(sounds)
    assert parse_response(f" {caption}\n") == caption
    assert parse_events(caption) == sounds


@given(st.text(max_size=60))
def test_only_a_closed_caption_passes_and_it_is_not_changed(answer: str) -> None:
    result = parse_response(answer)
    if isinstance(result, str):
        assert result == answer.strip()
        assert format_caption(parse_events(result)) == result


def test_the_estimated_number_of_tokens_is_near_that_of_clip() -> None:

    from open_clip.tokenizer import SimpleTokenizer

    real = SimpleTokenizer()
    captions = [
        PAPER,
        "[garlic] (soft rustling), [door] (thud)",
        "[refrigerator] (whirring and gurgling), [chopsticks] (clattering)",
        ", ".join(f"[iron bowl {i}] (clunk)" for i in range(14)),
    ]
    for caption in captions:
        true = 2 + len(real.encode(caption))
        assert abs(estimate_clip_tokens(caption) - true) <= 0.15 * true, caption
    for foreign in ("[蒜] (切菜声), [门] (砰)", "[дверь] (скрип)"):
        true = 2 + len(real.encode(foreign))
        assert abs(estimate_clip_tokens(foreign) - true) <= 0.35 * true, foreign
