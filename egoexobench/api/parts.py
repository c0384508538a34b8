"""`list_parts`, `show_part` and `dataset`: the installed parts, from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench.api.arguments import (
    DatasetArguments,
    PartArguments,
    check_arguments,
    name_argument,
)
from egoexobench.api.installed_parts import load_installed_parts
from egoexobench.part_description import PartDescription, describe_part
from egoexobench.part_errors import name_failing_part
from egoexobench.progress import NullProgress
from egoexobench.registry import PART_KINDS, PartFactory

if TYPE_CHECKING:
    from egoexobench.protocols import Dataset
    from egoexobench.spec import Spec


def list_parts(kind: str | None = None) -> list[PartFactory]:
    """Every installed part of a kind, by name; of all kinds if none is named.

    Args:
        kind: ``dataset``, ``captioner``, ``encoder``, ``fusion``, ``scorer``, ``anchor``,
            ``objective``, ``method``, ``tracker`` or ``launcher``.

    Raises:
        UsageError: for a kind that does not exist.
    """
    check_arguments(PartArguments, {"kind": kind})
    registry = load_installed_parts()
    kinds = PART_KINDS if kind is None else (kind,)
    with name_argument("kind"):
        return [part for name in kinds for part in registry.list_parts(name)]


def show_part(kind: str, name: str) -> PartDescription:
    """The options, docstring and settings of a part; ``print`` shows what `show` prints.

    Raises:
        UsageError: for a kind or a name that does not exist; the nearest name is given.
    """
    check_arguments(PartArguments, {"kind": kind, "name": name})
    registry = load_installed_parts()
    with name_argument("kind"):
        registry.list_parts(kind)
    with name_argument("name"):
        return describe_part(registry.get_factory(kind, name))


def dataset(spec: str | Spec) -> Dataset:
    """A data set whose media are there: ``dataset("folder:path=clips").clips("test")``.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file or a row that cannot be read.
        PartError: for an exception in a plug-in; the message names the part.
    """
    arguments = check_arguments(DatasetArguments, {"spec": spec})
    registry = load_installed_parts()
    with name_failing_part(registry):
        created: Dataset = registry.create("dataset", arguments.spec)
        created.prepare(NullProgress())
    return created
