"""The fields of every pydantic model, which is every format of a file, are pinned.

Models are matched by what they hold: a class may be renamed or moved. Prose (titles and
descriptions) is left out. A field that is added, removed, renamed or typed otherwise is another
format. A model inside another one stands there as the hash of its format, so that each format is
written once.
"""

import hashlib
import json
import pkgutil
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import egoexobench
import egoexobench_baselines
import egoexobench_plugins

PACKAGES = (egoexobench, egoexobench_baselines, egoexobench_plugins)
PROSE = ("title", "description")


def test_every_model_has_its_pinned_fields(read_pinned: Callable[[str, str], str]) -> None:
    current: dict[str, Any] = {}
    for model in _find_models():
        same_name = sum(key.partition(" ")[0] == model.__name__ for key in current)
        suffix = f" {same_name + 1}" if same_name else ""
        schema = _describe_format(model)
        current[model.__name__ + suffix] = {"format": _hash_format(schema)} | schema
    text = json.dumps(current, indent=1, sort_keys=True) + "\n"
    pinned = json.loads(read_pinned("schemas.json", text))
    assert _find_unmatched(current, pinned) == {}, "formats that are not pinned"
    assert _find_unmatched(pinned, current) == {}, "pinned formats that no model has"


def test_a_renamed_field_is_another_format_and_a_renamed_class_is_not() -> None:
    class One(BaseModel):
        value: int

    class Other(BaseModel):
        value: int

    class Renamed(BaseModel):
        number: int

    assert _describe_format(One) == _describe_format(Other)
    assert _find_unmatched({"a": _describe_format(One)}, {"b": _describe_format(Other)}) == {}
    assert _find_unmatched({"a": _describe_format(One)}, {"b": _describe_format(Renamed)}) != {}


def test_a_model_inside_another_one_stands_there_as_the_hash_of_its_format() -> None:
    class Inner(BaseModel):
        value: int

    class Outer(BaseModel):
        first: Inner
        second: Inner

    class OtherInner(BaseModel):
        value: str

    class OtherOuter(BaseModel):
        first: Inner
        second: OtherInner

    inner = {"format": _hash_format(_describe_format(Inner))}
    assert _describe_format(Outer)["properties"] == {"first": inner, "second": inner}
    assert _describe_format(Outer) != _describe_format(OtherOuter)


def _find_models() -> list[type[BaseModel]]:
    """Every model with fields that a module of the three packages defines."""
    for package in PACKAGES:
        _import_all(package)
    prefixes = tuple(f"{package.__name__}." for package in PACKAGES)
    models = {
        model
        for model in _walk_subclasses(BaseModel)
        if model.__module__.startswith(prefixes) and model.model_fields
    }
    return sorted(models, key=lambda model: (model.__module__, model.__qualname__))


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            import_module(module.name)


def _walk_subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for subclass in model.__subclasses__():
        yield subclass
        yield from _walk_subclasses(subclass)


def _describe_format(model: type[BaseModel]) -> Any:
    """The JSON schema of a model without names of classes and without prose."""
    schema = model.model_json_schema()
    return _remove_prose(schema, schema.get("$defs", {}))


def _remove_prose(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_remove_prose(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        inner = _remove_prose(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {"format": _hash_format(inner)}
    if "properties" in schema:
        properties = {
            name: _remove_prose(field, definitions) for name, field in schema["properties"].items()
        }
        schema = {name: value for name, value in schema.items() if name != "properties"}
        return {**_remove_prose(schema, definitions), "properties": properties}
    return {
        name: _remove_prose(value, definitions)
        for name, value in schema.items()
        if name not in (*PROSE, "$defs")
    }


def _hash_format(schema: Any) -> str:
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:16]


def _find_unmatched(models: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The models whose format is not one of the others', each of which counts once."""
    remaining = Counter(json.dumps(other, sort_keys=True) for other in others.values())
    unmatched = {}
    for name, schema in models.items():
        text = json.dumps(schema, sort_keys=True)
        if remaining[text]:
            remaining[text] -= 1
        else:
            unmatched[name] = schema
    return unmatched
