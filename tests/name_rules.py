"""The rules for names, checked over the source.

``python tests/name_rules.py FOLDER`` prints every violation below a folder or in a file, with its
line. ``python tests/name_rules.py --update`` writes ``names_allowed.json`` anew, where no rule is
broken more often than before.
"""

import ast
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from name_words import (
    ALIASES,
    BANNED,
    FIXED,
    MEASURES,
    MODULES_ALLOWED,
    PACKAGES,
    PREDICATES,
    VERBS,
    is_british,
)

ROOT = Path(__file__).parent.parent
ALLOWED_FILE = Path(__file__).with_name("names_allowed.json")
PUBLIC_FUNCTIONS = frozenset({"run", "embed", "load", "dataset", "_repr_html_"})
"""What a user types after ``import egoexobench as ee``, and what a notebook calls."""
AREAS = ("egoexobench", "plugins", "baselines", "tests", "benchmarks")
SHIPPED = AREAS[:3]
MAX_POSITIONAL = 4
VARIADIC = frozenset(
    "max min print zip chain product join joinpath Path gather cat reshape view permute expand "
    "zeros ones empty rand randn union datetime Conv2d Conv3d call objective".split()
)
"""Callables whose positional arguments are equals, or whose order every reader knows."""
NOUN_DECORATORS = frozenset(
    "property cached_property contextmanager fixture setter composite".split()
)
"""Decorators of functions that are used as values."""
SHARES = {"one-word-function": 20, "one-word-class": 35}
"""Percent of top-level functions and of classes that may be one word."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class RuleViolation:
    """A place where a rule is broken."""

    path: str
    line: int
    rule: str
    text: str

    @property
    def folder(self) -> str:
        """The area and its first folder, such as ``plugins/beats``; the key of a count."""
        parts = Path(self.path).parts
        return "/".join(parts[: 2 if len(parts) > 2 else 1])


@dataclass(frozen=True)
class ParsedModule:
    """A parsed file."""

    path: str
    tree: ast.Module

    @property
    def area(self) -> str:
        """The top folder."""
        return self.path.partition("/")[0]

    @property
    def scope(self) -> str:
        """Where names must be unique: the harness, or a single plug-in."""
        return "egoexobench" if self.area == "egoexobench" else "/".join(Path(self.path).parts[:2])


def read_modules(root: Path = ROOT) -> list[ParsedModule]:
    """Every Python file of the areas, parsed."""
    return [
        ParsedModule(path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for area in AREAS
        for path in sorted((root / area).rglob("*.py"))
    ]


def split_words(name: str) -> list[str]:
    """The lower-case words of an identifier; a run of capitals is one word."""
    return [
        word.lower()
        for part in name.split("_")
        for word in re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", part)
    ]


def find_violations(modules: Iterable[ParsedModule]) -> list[RuleViolation]:
    """Every violation of every rule that one place can break, sorted by file and line."""
    modules = list(modules)
    factories = _find_registered_factories(modules)
    violations = set(_check_uniqueness(modules))
    for module in modules:
        violations |= set(_check_module(module, factories))
    return sorted(violations)


def count_by_folder(violations: Iterable[RuleViolation]) -> dict[str, dict[str, int]]:
    """Folder to rule to count; the two rules about shares are counted by ``measure_shares``."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for violation in violations:
        if violation.rule not in SHARES:
            counts[violation.folder][violation.rule] += 1
    return {folder: dict(sorted(counts[folder].items())) for folder in sorted(counts)}


def measure_shares(
    modules: Iterable[ParsedModule], violations: Iterable[RuleViolation]
) -> dict[str, dict[str, int]]:
    """Area to rule to the percentage of names of one word, rounded up, where above the target."""
    modules = list(modules)
    factories = _find_registered_factories(modules)
    totals: Counter[tuple[str, str]] = Counter()
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, Function) and not _is_free(node, factories):
                totals[module.area, "one-word-function"] += 1
            elif isinstance(node, ast.ClassDef):
                totals[module.area, "one-word-class"] += 1
    short = Counter((v.path.partition("/")[0], v.rule) for v in violations if v.rule in SHARES)
    shares: dict[str, dict[str, int]] = {}
    for area in SHIPPED:
        for rule, target in SHARES.items():
            percent = -(-100 * short[area, rule] // max(1, totals[area, rule]))
            if percent > target:
                shares.setdefault(area, {})[rule] = percent
    return shares


def _check_module(module: ParsedModule, factories: frozenset[str]) -> Iterator[RuleViolation]:
    stem = Path(module.path).stem
    if stem not in MODULES_ALLOWED and stem in sys.stdlib_module_names | PACKAGES:
        yield RuleViolation(module.path, 1, "module-name", f"module {stem} has a package's name")
    for line, rule, text in _walk_module(module, factories):
        yield RuleViolation(module.path, line, rule, text)


def _walk_module(module: ParsedModule, factories: frozenset[str]) -> Iterator[tuple[int, str, str]]:
    shipped = module.area in SHIPPED
    nodes = list(ast.walk(module.tree))
    for name, line in _list_bound_names(nodes):
        if name.strip("_") in BANNED:
            yield line, "banned-word", name
        if british := [word for word in split_words(name) if is_british(word)]:
            yield line, "spelling", f"{name}: {', '.join(british)}"
    for node in nodes:
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            for name in ast.walk(node.target):
                if isinstance(name, ast.Name) and name.id == "one":
                    yield name.lineno, "banned-word", "one"
        elif isinstance(node, Function) and not _starts_with_verb(node, factories):
            yield node.lineno, "verb", f"def {node.name}"
        elif isinstance(node, ast.Call) and (text := _describe_positional(node)):
            yield node.lineno, "positional", text
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _check_import(node, shipped=shipped)
    for node in module.tree.body:
        if isinstance(node, Function) and not _is_free(node, factories):
            if len(split_words(node.name)) < 2:
                yield node.lineno, "one-word-function", f"def {node.name}"
        elif isinstance(node, ast.ClassDef) and len(split_words(node.name)) < 2:
            yield node.lineno, "one-word-class", f"class {node.name}"


def _list_bound_names(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """Names of variables, parameters, functions, classes and assigned attributes."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, Function | ast.ClassDef | ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


def _starts_with_verb(node: Function, factories: frozenset[str]) -> bool:
    words = split_words(node.name)
    bare = node.name.lstrip("_")
    return (
        not words
        or words[0] in VERBS | PREDICATES
        or words[0] in ("to", "from", "with")
        or "to" in words[1:]
        or (len(words) > 1 and words[-1] in MEASURES)
        or bare in FIXED
        or node.name.startswith("__")
        or bool(re.match(r"do_[A-Z]", node.name))
        or _is_free(node, factories)
        or bool(NOUN_DECORATORS & _list_decorators(node))
    )


def _is_free(node: Function, factories: frozenset[str]) -> bool:
    """Whether users, pluggy, click or pytest decide the name."""
    return (
        node.name in factories
        or node.name in PUBLIC_FUNCTIONS
        or node.name.startswith(("test_", "pytest_"))
        or bool({"hookimpl", "hookspec", "fixture", "command", "group"} & _list_decorators(node))
    )


def _list_decorators(node: Function) -> set[str]:
    """Last words of the decorators: ``cached_property`` of ``@functools.cached_property``."""
    names = set()
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return names


def _describe_positional(call: ast.Call) -> str:
    """The call's name and count, if it has too many positional arguments."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "call")
    count = sum(not isinstance(argument, ast.Starred) for argument in call.args)
    if count <= MAX_POSITIONAL or name in VARIADIC or _is_command_line(call):
        return ""
    return f"{name}(...) has {count} positional arguments"


def _is_command_line(call: ast.Call) -> bool:
    """Whether the arguments are those of a command, such as ``run_cli("run", "--task", "t2v")``."""
    return any(str(getattr(argument, "value", "")).startswith("-") for argument in call.args)


def _check_import(
    node: ast.Import | ast.ImportFrom, *, shipped: bool
) -> Iterator[tuple[int, str, str]]:
    base = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    for name in node.names:
        target = base + name.name
        renamed = name.asname not in (None, name.name)
        if renamed and (target, name.asname) not in ALIASES:
            yield node.lineno, "import-alias", f"{target} as {name.asname}"
        if shipped and target.startswith("unittest.mock"):
            yield node.lineno, "mock", f"import of {target} in shipped code"


def _find_registered_factories(modules: Iterable[ParsedModule]) -> frozenset[str]:
    """Functions that a hook or `SAMPLERS` registers; their names are what users type."""
    names: set[str] = set()
    for module in modules:
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "register"
                and len(node.args) == 2
                and isinstance(node.args[1], ast.Name)
            ):
                names.add(node.args[1].id)
            elif isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "SAMPLERS":
                names |= {leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)}
                names |= {leaf.attr for leaf in ast.walk(node) if isinstance(leaf, ast.Attribute)}
    return frozenset(names)


def _check_uniqueness(modules: Iterable[ParsedModule]) -> Iterator[RuleViolation]:
    """Classes and public functions whose name stands elsewhere in the harness or the plug-in."""
    definitions: dict[tuple[str, str, str], list[RuleViolation]] = defaultdict(list)
    for module in modules:
        if module.area not in SHIPPED:
            continue
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                kind, rule = "class", "unique-class"
            elif isinstance(node, Function) and not node.name.startswith(("_", "register_")):
                kind, rule = "def", "unique-function"
            else:
                continue
            text = f"{kind} {node.name} stands elsewhere too"
            definition = RuleViolation(module.path, node.lineno, rule, text)
            definitions[module.scope, rule, node.name].append(definition)
    for same in definitions.values():
        if len({definition.path for definition in same}) > 1:
            yield from same


def render_allowed(modules: list[ParsedModule], violations: list[RuleViolation]) -> str:
    """The text of ``names_allowed.json``, a folder a line, so that changes merge."""
    content = {
        "counts": count_by_folder(violations),
        "shares": measure_shares(modules, violations),
    }
    blocks = []
    for key, rows in content.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
        blocks.append(f'"{key}": {{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def sum_by_rule(counts: dict[str, dict[str, int]]) -> Counter[str]:
    """Rule to count over all folders."""
    total: Counter[str] = Counter()
    for row in counts.values():
        total.update(row)
    return total


def update_allowed(modules: list[ParsedModule], violations: list[RuleViolation]) -> str:
    """Write the list anew, or say which rule is broken more often than it allows."""
    counts = sum_by_rule(count_by_folder(violations))
    if ALLOWED_FILE.exists():
        allowed = sum_by_rule(json.loads(ALLOWED_FILE.read_text())["counts"])
        if more := {rule: n for rule, n in counts.items() if n > allowed[rule]}:
            lines = [f"{rule}: {n} violations, {allowed[rule]} allowed" for rule, n in more.items()]
            return "\n".join(["not written:", *lines])
    ALLOWED_FILE.write_text(render_allowed(modules, violations))
    return f"wrote {ALLOWED_FILE.name}: {sum(counts.values())} violations"


def main(arguments: list[str]) -> int:
    """Print violations below the given folders, or update the list of what is allowed."""
    modules = read_modules()
    violations = find_violations(modules)
    if arguments == ["--update"]:
        message = update_allowed(modules, violations)
        print(message)
        return int(message.startswith("not"))
    prefixes = [argument.removeprefix("./").rstrip("/") for argument in arguments] or list(AREAS)
    shown = [
        v for v in violations if any(v.path == p or v.path.startswith(p + "/") for p in prefixes)
    ]
    for violation in shown:
        print(f"{violation.path}:{violation.line}: {violation.rule}: {violation.text}")
    totals = Counter(violation.rule for violation in shown)
    print(", ".join(f"{rule} {n}" for rule, n in totals.most_common()) or "no violations")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
