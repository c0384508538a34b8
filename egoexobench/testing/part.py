"""The contract of any registered part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from egoexobench.errors import UsageError
from egoexobench.method import Method, Scale
from egoexobench.protocols import HasGivenFeatures
from egoexobench.testing.anchor import check_anchor
from egoexobench.testing.answerer import check_answerer
from egoexobench.testing.assertions import check_that
from egoexobench.testing.captioner import check_captioner
from egoexobench.testing.dataset import check_dataset
from egoexobench.testing.encoder import check_encoder
from egoexobench.testing.fusion import check_fusion
from egoexobench.testing.launcher import check_launcher
from egoexobench.testing.method import check_method
from egoexobench.testing.objective import check_objective
from egoexobench.testing.scorer import check_scorer
from egoexobench.testing.tracker import check_tracker

if TYPE_CHECKING:
    from egoexobench.registry import PartFactory, Registry

_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "anchor": check_anchor,
    "answerer": check_answerer,
    "captioner": check_captioner,
    "dataset": check_dataset,
    "encoder": check_encoder,
    "objective": check_objective,
}
"""By kind: what is checked is the part."""
_FACTORY_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "fusion": check_fusion,
    "launcher": check_launcher,
    "scorer": check_scorer,
    "tracker": check_tracker,
}
"""By kind: what is checked is the factory, with its options."""


def check_part(part: PartFactory, registry: Registry, options: Mapping[str, Any]) -> None:
    """Check that a registered part keeps the contract of its kind.

    Args:
        part: the part.
        registry: finds the parts that a method names.
        options: options of its factory; those that are left out have their defaults.

    Raises:
        AssertionError: with the first fault.
    """
    create = partial(part.factory, **options)
    if part.kind == "method":
        for method in create_methods(create):
            check_method(method, registry)
    elif part.kind in _FACTORY_CHECKS:
        _FACTORY_CHECKS[part.kind](create)
    else:
        product = create()
        if not isinstance(product, HasGivenFeatures):  # it computes nothing that could be checked
            _CHECKS[part.kind](product)


def create_methods(create: Callable[[str], Method]) -> list[Method]:
    """Return the method of each scale at which a factory has one.

    Raises:
        AssertionError: if there is none.
    """
    methods, reason = [], ""
    for scale in get_args(Scale):
        try:
            methods.append(create(scale))
        except UsageError as error:
            reason = str(error)
    check_that(bool(methods), f"it comes at no scale: {reason}")
    return methods
