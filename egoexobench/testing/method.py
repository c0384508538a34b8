"""The contract of methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.method import ROLES, Method, validate_method
from egoexobench.testing.assertions import check_instance, report_errors

if TYPE_CHECKING:
    from egoexobench.registry import Registry


def check_method(method: Method, registry: Registry) -> None:
    """Check that a method is consistent, and that its parts exist and take their options.

    Raises:
        AssertionError: with the first fault.
    """
    check_instance(method, Method, "it")
    with report_errors("validating it"):
        validate_method(method)
    for role, kind in ROLES.items():
        if spec := getattr(method, role):
            with report_errors(f"finding the {kind} of the role {role}"):
                registry.resolve(kind, spec)
