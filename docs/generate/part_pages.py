"""A page for each kind of part: every part with its options and sources, from the registry."""

from __future__ import annotations

from griffe import Docstring, DocstringSection, DocstringSectionKind
from markdown_text import escape_markdown, format_code, format_code_block, format_table

from egoexobench.options import REQUIRED, Option, describe_type, get_options
from egoexobench.part_description import describe_part
from egoexobench.registry import PART_KINDS, PartFactory, Registry

_NOTES = {
    "fusion": "What a clip without sound gives stands in "
    "[the table of fusions](../methods.md#fusions-of-sound-and-picture); `egoexobench show fusion "
    "NAME` prints it with the weights that nothing trains, for which it creates the fusion.\n"
}


def make_part_pages() -> dict[str, str]:
    """Markdown by file name, with an index of all kinds first."""
    registry = Registry()
    if registry.broken:
        raise SystemExit(f"a plug-in is broken: {registry.broken[0]}")
    rows, pages = [], {}
    for kind in PART_KINDS:
        parts = registry.list_parts(kind)
        names = ", ".join(f"[{format_code(part.name)}]({kind}.md#{part.name})" for part in parts)
        rows.append([f"[{kind}]({kind}.md)", names])
        pages[f"{kind}.md"] = _format_kind(kind, parts)
    index = (
        "# Parts\n\n"
        "Every part that the distribution `egoexobench` registers. `egoexobench list` prints the "
        "parts of all installed plug-ins, `egoexobench show KIND NAME` what these pages say of "
        f"one.\n\n{format_table(['kind', 'parts'], rows)}"
    )
    return {"index.md": index} | pages


def _format_kind(kind: str, parts: list[PartFactory]) -> str:
    rows = [
        [
            f"[{format_code(part.name)}](#{part.name})",
            escape_markdown(part.summary),
            ", ".join(format_code(name) for name in get_options(part.factory)) or "none",
        ]
        for part in parts
    ]
    table = format_table(["name", "what it is", "options"], rows)
    text = [f"# Parts: {kind}\n\n{table}\n{_NOTES.get(kind, '')}"]
    return "\n".join(text + [_format_part(part) for part in parts])


def _format_part(part: PartFactory) -> str:
    """The docstring of a part, with its options as a table; of a method its settings too."""
    sections = Docstring(part.factory.__doc__ or "No docstring.").parse("google", warnings=False)
    meanings = {
        parameter.name: parameter.description
        for section in sections
        if section.kind is DocstringSectionKind.parameters
        for parameter in section.value
    }
    text = [f"## {part.name} {{ #{part.name} }}\n"]
    text += [_format_section(section) for section in sections]
    options = get_options(part.factory).values()
    rows = [_format_option(option, meanings.get(option.name, "")) for option in options]
    text.append(
        format_table(["option", "value", "default", "meaning"], rows) if rows else "No options.\n"
    )
    description = describe_part(part).text if part.kind == "method" else ""
    _, _, settings = description.partition("\nAt scale ")
    if settings:
        text.append("Settings at each scale, with the source of each value:\n")
        text.append(format_code_block(f"At scale {settings}"))
    return "\n".join(text)


def _format_section(section: DocstringSection) -> str:
    if section.kind is DocstringSectionKind.text:
        return f"{escape_markdown(section.value)}\n"
    if section.kind is DocstringSectionKind.admonition:
        return f"**{section.title}.** {escape_markdown(section.value.description)}\n"
    return ""


def _format_option(option: Option, meaning: str) -> list[str]:
    is_required = option.default is REQUIRED
    default = "required" if is_required else format_code(_format_value(option.default))
    return [
        format_code(option.name),
        escape_markdown(describe_type(option.type)),
        default,
        escape_markdown(meaning),
    ]


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
