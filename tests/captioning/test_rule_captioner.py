import pytest

from egoexobench.captioning.pipeline import generate_captions
from egoexobench.errors import PartError
from egoexobench_plugins.captions.rule_captioner import EFFECTS, RuleCaptioner

EGOEXOLEARN_VERBS = (
    "adjust cover cut fill hold mix move open operate pour press put remove scoop shake take throw "
    "turn wash"
).split()


def test_the_lexicon_has_the_19_verbs_of_egoexolearn_with_19_different_effects() -> None:
    assert sorted(EFFECTS) == EGOEXOLEARN_VERBS
    assert len({effect for effect, _ in EFFECTS.values()}) == 19


@pytest.mark.parametrize(
    ("narration", "caption"),
    [
        ("C takes the garlic.", "[garlic] (soft rustling)"),
        ("a person is slicing garlic", "[garlic] (chopping)"),
        ("C puts down the iron bowl", "[iron bowl] (clunk)"),
        ("She turns on the tap, then turns the knob", "[tap] (humming), [knob] (squeaking)"),
        ("he washed his hands and shut the door", "[person] (water running), [door] (thud)"),
        ("nothing of note", "[person] (movement)"),
        ("", "[person] (movement)"),
    ],
)
def test_a_narration_gives_source_and_effect(narration: str, caption: str) -> None:
    assert RuleCaptioner().caption([narration]) == [caption]


@pytest.mark.parametrize("verb", EGOEXOLEARN_VERBS)
def test_every_form_of_a_verb_gives_its_effect(verb: str) -> None:
    effect, forms = EFFECTS[verb]
    for form in forms:
        head, _, tail = form.partition(" ")
        for inflected in (head, f"{head}s"):
            (caption,) = RuleCaptioner().caption(
                [f"C {inflected} {tail} the jar".replace("  ", " ")]
            )
            assert caption == f"[jar] ({effect})", (form, inflected)


class FixedCaptioner:
    def __init__(self, *captions: str) -> None:
        self.captions = captions

    def caption(self, narrations: object) -> tuple[str, ...]:
        return self.captions


def test_a_captioner_that_returns_another_number_of_captions_is_an_error() -> None:
    with pytest.raises(PartError, match="2 captions for 1"):
        generate_captions(FixedCaptioner("[a] (b)", "[a] (b)"), {"x": "text"})  # type: ignore[arg-type]


def test_equal_narrations_are_captioned_once() -> None:
    captioner = FixedCaptioner("[a] (b)")
    caption_set = generate_captions(captioner, {"x": "t", "y": "t"})  # type: ignore[arg-type]
    assert caption_set.captions == {"x": "[a] (b)", "y": "[a] (b)"}
