"""Checks the contract of a part, and what no contract of one kind says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, EgoExoBenchError, format_exception_line
from egoexobench.extras import name_part_in_error
from egoexobench.models.seeding import seeded_rng
from egoexobench.plugin_check.examples import TOKEN_WIDTH, PartExample, is_unavailable
from egoexobench.plugin_check.repeated_creation import find_difference
from egoexobench.plugin_check.side_effects import watch_side_effects
from egoexobench.registry import Registry
from egoexobench.testing import check_part
from egoexobench.testing.part import create_methods
from egoexobench.testing.process_state import (
    find_state_change,
    read_process_state,
    restore_process_state,
)

OUTWARD_KINDS = ("launcher", "tracker")
"""Kinds of parts that write files; they are checked in a folder for temporary files."""


class UnavailableError(DataError):
    """This machine lacks something that a part needs."""


def check_contract(example: PartExample, registry: Registry, scratch: Path) -> None:
    """Check that a part keeps its contract, prints nothing, and changes nothing else.

    Args:
        example: the part and its options.
        registry: finds the parts that a method names.
        scratch: a folder for temporary files.

    Raises:
        UnavailableError: if the part cannot be created on this machine.
        AssertionError: with the first fault.
    """
    is_outward = example.part.kind in OUTWARD_KINDS
    contract_fault: AssertionError | None = None
    with chdir(scratch) if is_outward else nullcontext():
        state = read_process_state()
        try:
            with watch_side_effects(scratch, allow_files=is_outward) as faults:
                try:
                    _check_part(example, registry)
                except AssertionError as error:
                    contract_fault = error
            state_change = find_state_change(state)
        finally:
            restore_process_state(state)
    if state_change:  # it may be the reason why the contract does not hold
        raise AssertionError(state_change)
    if contract_fault is not None:
        cause = contract_fault.__cause__
        if isinstance(cause, DataError) and is_unavailable(cause, example):
            raise UnavailableError(str(cause))  # no model or engine answers here
        raise contract_fault
    if faults:
        raise AssertionError(faults[0])


def _check_part(example: PartExample, registry: Registry) -> None:
    create = _make_creator(example)
    products = [_create_product(create, example) for _ in range(2)]
    check_part(example.part, registry, example.options)
    if reason := find_difference(example.part.kind, *products):
        raise AssertionError(f"two of them, created with one seed, differ: {reason}")


def _make_creator(example: PartExample) -> Callable[[], Any]:
    """The factory as the harness calls it, without its position-only arguments."""
    factory = partial(example.part.factory, **example.options)
    match example.part.kind:
        case "fusion" | "scorer":
            return partial(factory, TOKEN_WIDTH)
        case "method":
            return partial(create_methods, factory)
    return factory


def _create_product(create: Callable[[], Any], example: PartExample) -> Any:
    try:
        with seeded_rng(0, example.part.kind):
            product = create()
    except AssertionError:
        raise
    except (Exception, SystemExit) as error:  # a plug-in may fail in any way
        is_for_user = isinstance(error, EgoExoBenchError)
        reason = error if is_for_user else name_part_in_error(str(example.part), error)
        if is_unavailable(reason, example):
            raise UnavailableError(str(reason)) from error
        raise AssertionError(f"its factory raised {format_exception_line(error)}") from error
    if product is None:
        raise AssertionError(f"its factory returned None; it must return the {example.part.kind}")
    return product
