"""Finds, lists and makes parts; a broken plug-in is reported and the rest goes on.

Plug-ins come by two entry-point groups: ``egoexobench`` names one plug-in module,
``egoexobench.folders`` a package whose every public child is one. The toolkit's own parts come
through the second like anybody's.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, final

import pluggy

from egoexobench import hookspecs
from egoexobench.errors import UsageError, unknown
from egoexobench.options import resolve_options
from egoexobench.spec import Spec

KINDS = ("dataset", "captioner", "encoder", "fusion", "anchor", "objective", "method")
MODULES, FOLDERS = "egoexobench", "egoexobench.folders"


@dataclass(frozen=True, slots=True)
class Owner:
    """The distribution that brings a plug-in."""

    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class Part:
    """A named factory and where it comes from; ``module`` holds the plug-in's hooks."""

    kind: str
    name: str
    factory: Callable[..., Any]
    plugin: str
    owner: Owner
    module: str

    @property
    def summary(self) -> str:
        """First line of the factory's docstring."""
        return (self.factory.__doc__ or "").strip().partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Broken:
    """A plug-in that could not be used, and why."""

    plugin: str
    owner: Owner
    reason: str

    def __str__(self) -> str:
        return (
            f"plug-in {self.plugin!r} of {self.owner.distribution} {self.owner.version} "
            f"is left out: {self.reason}"
        )


@dataclass(frozen=True, slots=True)
class _Source:
    plugin: str
    module: str
    owner: Owner


@final
class Registry:
    """Every part of every plug-in that is installed and not blocked.

    Args:
        blocked: names of plug-ins that are not even imported.
    """

    def __init__(self, blocked: Iterable[str] = ()) -> None:
        self.broken: list[Broken] = []
        self._parts: dict[tuple[str, str], list[Part]] = {}
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        sources = list(self._sources())
        self._owners = {source.plugin: source.owner for source in sources}
        self._modules = {source.plugin: source.module for source in sources}
        stopped = {_plugin(name) for name in blocked}
        for name in sorted(stopped - self._owners.keys()):
            raise UsageError(unknown("plug-in", name, self._owners))
        for source in sources:
            if source.plugin not in stopped:
                self._load(source)
        self._register()

    def parts(self, kind: str) -> list[Part]:
        """Every part of a kind by name; a name with two owners is there twice."""
        if kind not in KINDS:
            raise UsageError(unknown("kind", kind, KINDS))
        found = [parts for (of, _), parts in self._parts.items() if of == kind]
        return sorted((part for parts in found for part in parts), key=lambda part: part.name)

    def find(self, kind: str, name: str) -> Part:
        """The part of that kind and name.

        Raises:
            UsageError: if there is none (the nearest name is given), or two.
        """
        found = self._parts.get((kind, name), [])
        if not found:
            hint = f" ({len(self.broken)} plug-ins are broken, see `list`)" if self.broken else ""
            names = [part.name for part in self.parts(kind)]
            raise UsageError(unknown(kind, name, names) + hint)
        if len(found) > 1:
            owners = " and ".join(f"{p.plugin!r} of {p.owner.distribution}" for p in found)
            raise UsageError(
                f"two plug-ins bring a {kind} named {name!r}: {owners}; block one with -p no:NAME"
            )
        return found[0]

    def bind(self, kind: str, spec: Spec | str) -> tuple[Part, dict[str, Any]]:
        """The part that a spec names and all its options, typed."""
        spec = Spec.parse(spec) if isinstance(spec, str) else spec
        part = self.find(kind, spec.name)
        return part, resolve_options(part.factory, spec.options, f"{kind} {spec.name!r}")

    def make(self, kind: str, spec: Spec | str, *given: object) -> Any:
        """Make the part that a spec names; ``given`` is what the harness supplies."""
        part, bound = self.bind(kind, spec)
        return part.factory(*given, **bound)

    def _sources(self) -> Iterator[_Source]:
        found = entry_points()
        for entry in found.select(group=MODULES):
            yield _Source(_plugin(entry.name), entry.value, _owner(entry))
        for entry in found.select(group=FOLDERS):
            owner = _owner(entry)
            try:
                package = import_module(entry.value)
            except Exception as error:  # a plug-in may fail in any way
                self.broken.append(Broken(entry.name, owner, _reason(error)))
                continue
            for child in pkgutil.iter_modules(package.__path__):
                if not child.name.startswith("_"):
                    module = f"{entry.value}.{child.name}"
                    yield _Source(_plugin(child.name), module, owner)

    def _load(self, source: _Source) -> None:
        try:
            self._manager.register(import_module(source.module), source.plugin)
            self._manager.check_pending()
        except Exception as error:  # a plug-in may fail in any way
            if self._manager.has_plugin(source.plugin):
                self._manager.unregister(name=source.plugin)
            self.broken.append(Broken(source.plugin, source.owner, _reason(error)))

    def _register(self) -> None:
        for kind in KINDS:
            caller = getattr(self._manager.hook, f"register_{kind}s")
            # one by one and not through the caller, so that each part knows its owner
            # and one failing plug-in costs only its own parts
            for implementation in reversed(caller.get_hookimpls()):
                plugin = implementation.plugin_name
                try:
                    implementation.function(partial(self._add, kind, plugin))
                except Exception as error:  # a plug-in may fail in any way
                    self.broken.append(Broken(plugin, self._owners[plugin], _reason(error)))

    def _add(self, kind: str, plugin: str, name: str, factory: Callable[..., Any]) -> None:
        owner, module = self._owners[plugin], self._modules[plugin]
        part = Part(kind, name, factory, plugin, owner, module)
        self._parts.setdefault((kind, name), []).append(part)


def _plugin(name: str) -> str:
    return name.replace("_", "-")


def _owner(entry: EntryPoint) -> Owner:
    return Owner(entry.dist.name, entry.dist.version) if entry.dist else Owner("unknown", "0")


def _reason(error: Exception) -> str:
    line = str(error).strip().replace("\n", " ")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
