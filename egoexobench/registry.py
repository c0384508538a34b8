"""Finds, lists and creates parts; a broken plug-in is reported and the others are loaded.

Plug-ins come from two groups of entry points: ``egoexobench`` names one plug-in module,
``egoexobench.folders`` a package in which every public module is one. The toolkit's own parts come
from the second, as anybody's can.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, final

import pluggy

from egoexobench import hookspecs
from egoexobench.entry_points import Distribution, list_entry_points
from egoexobench.errors import (
    EgoExoBenchError,
    PartError,
    UsageError,
    format_exception_line,
    format_unknown_name,
    warn_renamed,
)
from egoexobench.extras import name_part_in_error
from egoexobench.options import resolve_options
from egoexobench.spec import Spec
from egoexobench.unavailable_parts import UNAVAILABLE_PARTS

if TYPE_CHECKING:
    from egoexobench.types import Modality

PART_KINDS = (
    "dataset",
    "captioner",
    "answerer",
    "encoder",
    "fusion",
    "scorer",
    "anchor",
    "objective",
    "method",
    "tracker",
    "launcher",
)
ProductKey = type | CodeType
ENTRY_POINT_GROUP, FOLDER_GROUP = "egoexobench", "egoexobench.folders"


@dataclass(frozen=True, slots=True)
class PartFactory:
    """A registered factory and where it comes from; ``module`` holds the plug-in's hooks."""

    kind: str
    name: str
    factory: Callable[..., Any]
    plugin: str
    distribution: Distribution
    module: str
    aliases: tuple[str, ...] = ()
    """Old names, which still work and warn."""
    modality: Modality | None = None
    """What an encoder reads, if its plug-in says so where it registers the encoder."""
    example: hookspecs.Example | None = field(default=None, compare=False, repr=False)
    """Options with which the part can be checked, if its plug-in names some."""
    products: set[ProductKey] = field(default_factory=set, compare=False, repr=False)
    """Classes and functions of what the factory returned: a traceback with them is of this part."""

    @property
    def summary(self) -> str:
        """First line of the factory's docstring."""
        return (self.factory.__doc__ or "").strip().partition("\n")[0]

    def create(self, *positional: object, options: Mapping[str, Any]) -> Any:
        """Call the factory.

        Args:
            positional: what the harness supplies.
            options: every option with its value, as `resolve_options` returns them.

        Raises:
            PartError: naming the part, if the factory raises what is not for the user, or returns
                nothing.
        """
        try:
            product = self.factory(*positional, **options)
        except EgoExoBenchError:
            raise
        except (Exception, SystemExit) as error:  # a plug-in may fail in any way
            raise name_part_in_error(str(self), error) from error
        if product is None:
            raise PartError(f"{self}: the factory returned None; it must return the {self.kind}")
        self.products.add(_get_product_key(product))
        return product

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} of {self.distribution}"


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plug-in that could not be loaded, or one of its parts, and why."""

    plugin: str
    distribution: Distribution
    reason: str
    part: str = ""
    """Such as ``dataset 'folder'``; empty for the plug-in with all its parts."""

    def __str__(self) -> str:
        part = f"{self.part} of " if self.part else ""
        return f"{part}plug-in {self.plugin!r} ({self.distribution}) was not loaded: {self.reason}"


@dataclass(frozen=True, slots=True)
class PluginSource:
    """Where a plug-in is, before it is imported."""

    plugin: str
    module: str
    distribution: Distribution
    attributes: tuple[str, ...] = ()
    """The names that lead from the module to the object with the hooks, if it is another."""

    def load(self) -> object:
        """Import the module and return the object with the hooks."""
        plugin: object = import_module(self.module)
        for name in self.attributes:
            plugin = getattr(plugin, name)
        return plugin


@final
class Registry:
    """Every part of every plug-in that is installed and not blocked.

    Args:
        blocked: names of plug-ins that are not even imported.
    """

    def __init__(self, blocked: Iterable[str] = ()) -> None:
        self.broken: list[BrokenPlugin] = []
        self._parts: dict[tuple[str, str], list[PartFactory]] = {}
        self._aliases: dict[tuple[str, str], str] = {}
        self._manager = _PluginManager(hookspecs.PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        # ours first, so that a stranger's part of the same name cannot replace one of them
        sources = sorted(self._iter_sources(), key=lambda source: not _is_own(source.distribution))
        blocked_plugins = {_get_plugin_name(name) for name in blocked}
        for name in sorted(blocked_plugins - {source.plugin for source in sources}):
            raise UsageError(
                format_unknown_name("plug-in", name, {source.plugin for source in sources})
            )
        self._sources: dict[str, PluginSource] = {}
        for source in sources:
            if source.plugin not in blocked_plugins:
                self._load(source)
        self._register_parts()

    def list_parts(self, kind: str) -> list[PartFactory]:
        """Return every part of a kind by name; a name that two plug-ins register is there twice."""
        if kind not in PART_KINDS:
            raise UsageError(format_unknown_name("kind", kind, PART_KINDS))
        of_kind = [parts for (part_kind, _), parts in self._parts.items() if part_kind == kind]
        return sorted((part for parts in of_kind for part in parts), key=lambda part: part.name)

    def iter_parts(self) -> Iterator[PartFactory]:
        """Yield every part of every kind."""
        for parts in self._parts.values():
            yield from parts

    def get_factory(self, kind: str, name: str) -> PartFactory:
        """Return the part of that kind and name; an old name warns.

        Raises:
            UsageError: if there is none (the message has the nearest name), or two.
        """
        key = kind, name
        if key in self._aliases and key not in self._parts:
            warn_renamed(kind, name, self._aliases[key])
            return self.get_factory(kind, self._aliases[key])
        parts = self._parts.get(key, [])
        if not parts and key in UNAVAILABLE_PARTS:
            raise UsageError(f"{kind} {name!r} is not available: {UNAVAILABLE_PARTS[key]}")
        if not parts:
            names = [part.name for part in self.list_parts(kind)]
            is_folder = kind == "dataset" and Path(name).is_dir()
            hint = f". A folder of clips is folder:path={name}" if is_folder else ""
            raise UsageError(
                format_unknown_name(kind, name, names) + hint + self._format_broken_hint()
            )
        if len(parts) > 1:
            plugins = " and ".join(f"{part.plugin!r} of {part.distribution}" for part in parts)
            raise UsageError(
                f"two plug-ins register the {kind} {name!r}: {plugins}; block one with -p no:NAME"
            )
        return parts[0]

    def resolve(self, kind: str, spec: Spec | str) -> tuple[PartFactory, dict[str, Any]]:
        """Return the part that a spec names and all its options with their types."""
        spec = Spec.parse(spec) if isinstance(spec, str) else spec
        part = self.get_factory(kind, spec.name)
        return part, resolve_options(part.factory, spec.options, f"{kind} {spec.name!r}")

    def create(self, kind: str, spec: Spec | str, *positional: object) -> Any:
        """Create the part that a spec names; ``positional`` is what the harness supplies."""
        part, options = self.resolve(kind, spec)
        return part.create(*positional, options=options)

    def add_part(self, part: PartFactory) -> None:
        """Add a part that no installed plug-in registers."""
        self._parts.setdefault((part.kind, part.name), []).append(part)
        for alias in part.aliases:
            self._aliases.setdefault((part.kind, alias), part.name)

    def _format_broken_hint(self) -> str:
        if not self.broken:
            return ""
        return f" ({len(self.broken)} plug-ins were not loaded, see `egoexobench list`)"

    def _iter_sources(self) -> Iterator[PluginSource]:
        for entry in list_entry_points(ENTRY_POINT_GROUP, FOLDER_GROUP):
            if entry.group == ENTRY_POINT_GROUP:
                plugin = _get_plugin_name(entry.name)
                yield PluginSource(plugin, entry.module, entry.distribution, entry.attributes)
                continue
            try:
                folders = import_module(entry.module).__path__
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a plug-in may fail in any way
                self.broken.append(
                    BrokenPlugin(entry.name, entry.distribution, format_exception_line(error))
                )
                continue
            for child in pkgutil.iter_modules(folders):
                if not child.name.startswith("_"):
                    module = f"{entry.module}.{child.name}"
                    yield PluginSource(_get_plugin_name(child.name), module, entry.distribution)

    def _load(self, source: PluginSource) -> None:
        if source.plugin in self._sources:
            first = self._sources[source.plugin].distribution
            self._report_broken(source, f"{first} has a plug-in of that name")
            return
        try:
            plugin = source.load()
            self._manager.register(plugin, source.plugin)
            self._manager.check_pending()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plug-in may fail in any way
            if self._manager.has_plugin(source.plugin):
                self._manager.unregister(name=source.plugin)
            self._report_broken(source, format_exception_line(error))
            return
        self._sources[source.plugin] = source
        if not self._manager.get_hookcallers(plugin):
            hooks = ", ".join(f"register_{kind}s" for kind in PART_KINDS)
            self._report_broken(
                source,
                f"{source.module} has no function that is marked with @hookimpl; expected {hooks}",
            )

    def _register_parts(self) -> None:
        for kind in PART_KINDS:
            caller = getattr(self._manager.hook, f"register_{kind}s")
            # one by one and not through the caller, so that the plug-in of each part is known
            # and one failing plug-in costs only its own parts
            for implementation in caller.get_hookimpls():
                plugin = implementation.plugin_name
                try:
                    implementation.function(partial(self._register_part, kind, plugin))
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # a plug-in may fail in any way
                    self._report_broken(self._sources[plugin], format_exception_line(error))

    def _register_part(
        self,
        kind: str,
        plugin: str,
        name: str,
        factory: Callable[..., Any],
        *,
        aliases: Sequence[str] = (),
        modality: Modality | None = None,
        example: hookspecs.Example | None = None,
    ) -> None:
        source = self._sources[plugin]
        if reason := hookspecs.find_registration_fault(name, factory, aliases, example):
            self._report_broken(source, reason, part=f"{kind} {name!r}")
            return
        owner = next(iter(self._parts.get((kind, name), ())), None)
        if owner is not None and _is_own(owner.distribution):
            reason = (
                f"{owner.distribution} has a {kind} of that name (-p no:{owner.plugin} blocks it)"
            )
            self._report_broken(source, reason, part=f"{kind} {name!r}")
            return
        self.add_part(
            PartFactory(
                kind=kind,
                name=name,
                factory=factory,
                plugin=plugin,
                distribution=source.distribution,
                module=source.module,
                aliases=tuple(aliases),
                modality=modality,
                example=example,
            )
        )

    def _report_broken(self, source: PluginSource, reason: str, *, part: str = "") -> None:
        self.broken.append(BrokenPlugin(source.plugin, source.distribution, reason, part))


def _get_plugin_name(name: str) -> str:
    return name.replace("_", "-")


def _is_own(distribution: Distribution) -> bool:
    return distribution.name == hookspecs.PROJECT_NAME


@final
class _PluginManager(pluggy.PluginManager):
    """Looks for hooks among the functions of a module alone.

    pluggy inspects every name of every module, which takes as long as importing all of them.
    """

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        if isinstance(plugin, ModuleType) and not isinstance(vars(plugin).get(name), FunctionType):
            return None
        return super().parse_hookimpl_opts(plugin, name)


def _get_product_key(product: object) -> ProductKey:
    match product:
        case partial():
            return _get_product_key(product.func)
        case FunctionType():
            return product.__code__
        case _:
            return type(product)
