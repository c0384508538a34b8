"""Every wrong anchor is an AssertionError that names its fault, and a right one passes."""

import pytest
import torch

from egoexobench.errors import RenamedWarning
from egoexobench.testing import check_anchor


class GoodAnchor:
    """The narration for the ego videos, the sum with the sound caption for the exo videos."""

    required_inputs = ("narration", "sound_caption")
    eval_text = "narration"

    def __call__(self, embeddings):
        return embeddings["narration"], embeddings["narration"] + embeddings["sound_caption"]


class OldAnchor:
    """The same targets, with the names that members had before version 0.2."""

    needs = GoodAnchor.required_inputs
    text = GoodAnchor.eval_text
    __call__ = GoodAnchor.__call__


def test_an_anchor_with_the_old_names_passes_and_warns() -> None:
    with pytest.warns(RenamedWarning, match="now called 'required_inputs' and 'eval_text'"):
        check_anchor(OldAnchor())


def test_a_right_anchor_passes() -> None:
    check_anchor(GoodAnchor())


def change_result(**members):
    return type("Changed", (GoodAnchor,), members)()


def make_result(function):
    """Return an anchor whose targets are another function of the embeddings."""
    return change_result(
        __call__=lambda self, embeddings: function(*embeddings.values(), embeddings)
    )


def overwrite_input(narration, caption, embeddings):
    narration.mul_(2)
    return narration, narration + caption


def return_nothing(narration, caption, embeddings):
    embeddings.clear()
    return narration, narration + caption


@pytest.mark.parametrize(
    ("anchor", "message"),
    [
        (object(), "it has no attribute 'required_inputs'"),
        (
            change_result(eval_text=None),
            "eval_text is None; it must be one of narration, sound_caption, so",
        ),
        (change_result(eval_text="caption"), "eval_text is 'caption'; it must be one of narration"),
        (
            change_result(required_inputs=["narration"]),
            "required_inputs is ['narration'] (list); it must",
        ),
        (change_result(required_inputs=()), "required_inputs is empty"),
        (
            change_result(required_inputs=("text",)),
            "an item of required_inputs is 'text'; it must be one",
        ),
        (change_result(__call__=None), "__call__ is None (NoneType); it must be a method"),
        (
            change_result(required_inputs=("narration",)),
            "it reads 'sound_caption', which is not in requi",
        ),
        (
            change_result(required_inputs=(*GoodAnchor.required_inputs, "ego_sound")),
            "it does not use 'ego_sound' of required_inputs",
        ),
        (make_result(lambda *_: 1 / 0), "calling it raised ZeroDivisionError"),
        (make_result(lambda a, b, _: a + b), "its result is of type Tensor; it must be tuple"),
        (make_result(lambda a, b, _: (a, b, a)), "it returns 3 targets, not one for each view"),
        (make_result(lambda a, b, _: (a, None)), "the target of the exo videos is None (NoneType)"),
        (make_result(lambda a, b, _: (a[0], b)), "the target of the ego videos has the shape (8,)"),
        (make_result(lambda a, b, _: (a, b[:1])), "(1, 8); for 4 rows it must be (4, D)"),
        (make_result(lambda a, b, _: (a.int(), b)), "the ego videos has the dtype torch.int32"),
        (make_result(lambda a, b, _: (a, b * torch.nan)), "the exo videos contains NaN"),
        (make_result(lambda a, b, _: (a, b + torch.rand(()))), "same embeddings get other targets"),
        (
            make_result(lambda a, b, _: (a, b + a.mean(0))),
            "depends on the other pairs of its batch",
        ),
        (
            make_result(lambda a, b, _: (a + torch.arange(4.0)[: len(a), None], b)),
            "alone: a target depends on the other pairs of its batch (row 1 of 4)",
        ),
        (make_result(overwrite_input), "calling it changes its inputs in place"),
        (make_result(return_nothing), "calling it changes its inputs in place"),
    ],
)
def test_a_wrong_anchor_is_one_line_that_names_its_fault(anchor: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_anchor(anchor)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
