"""Every wrong captioner is an AssertionError that names its fault, and a right one passes."""

import itertools

import pytest

from egoexobench.testing import check_captioner


class GoodCaptioner:
    """The first word of each narration makes a sound."""

    def caption(self, narrations):
        return [f"[{text.split()[0] if text else 'room'}] (sound)" for text in narrations]


class GoodRefiner(GoodCaptioner):
    frequent = 0.5

    def refine(self, captions, concepts):
        return captions


def test_right_captioners_pass() -> None:
    check_captioner(GoodCaptioner())
    check_captioner(GoodRefiner())


def make_captioner(function):
    """Return a captioner whose captions are another function of the right ones."""
    good = GoodCaptioner.caption
    members = {"caption": lambda self, narrations: function(good(self, narrations), narrations)}
    return type("Changed", (), members)()


def refine_with(function):
    members = {"refine": lambda self, captions, concepts: function(captions)}
    return type("Changed", (GoodRefiner,), members)()


def clear_narrations(captions, narrations):
    narrations.clear()
    return captions


numbers = itertools.count()


@pytest.mark.parametrize(
    ("captioner", "message"),
    [
        (object(), "it has no method 'caption'"),
        (
            type("Text", (), {"caption": "[a] (b)"})(),
            "caption is '[a] (b)' (str); it must be a met",
        ),
        (make_captioner(lambda captions, _: 1 / 0), "caption raised ZeroDivisionError"),
        (make_captioner(lambda captions, _: "[a] (b)"), "result of caption is '[a] (b)' (str); it"),
        (
            make_captioner(lambda captions, _: iter(captions)),
            "the result of caption is of type list",
        ),
        (
            make_captioner(lambda captions, _: [None] * len(captions)),
            "an item of the result of capti",
        ),
        (
            make_captioner(lambda captions, _: captions[1:]),
            "caption returns 3 captions for 4 narrat",
        ),
        (
            make_captioner(lambda captions, _: captions or ["[a] (b)"]),
            "returns 1 captions for 0 nar",
        ),
        (
            make_captioner(lambda captions, _: [""] * len(captions)),
            "'' is not a closed caption, [sou",
        ),
        (
            make_captioner(lambda captions, _: [f"Sure! {text}" for text in captions]),
            "is not a closed caption, [source] (effect), ...: other text around",
        ),
        (
            make_captioner(lambda captions, _: [f"[a] ({next(numbers)})" for _ in captions]),
            "the same narrations get other captions",
        ),
        (
            make_captioner(lambda captions, _: [f"[a] ({i})" for i, _ in enumerate(captions)]),
            "the order of narrations changes their captions",
        ),
        (make_captioner(clear_narrations), "caption changes its list of narrations"),
        (refine_with(lambda captions: 1 / 0), "refine raised ZeroDivisionError"),
        (refine_with(lambda captions: captions[1:]), "refine returns 3 captions for 4 captions"),
        (refine_with(lambda captions: None), "the result of refine is None (NoneType); it must be"),
        (refine_with(lambda captions: [""] * 4), "'' is not a closed caption"),
    ],
)
def test_a_wrong_captioner_is_one_line_that_names_its_fault(
    captioner: object, message: str
) -> None:
    with pytest.raises(AssertionError) as caught:
        check_captioner(captioner)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
