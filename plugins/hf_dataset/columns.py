"""The columns of a row by what they are for, and the clips that a row describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egoexobench.errors import DataError, UsageError


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The columns of a row by what they are for; None: there is none."""

    ego: str
    exo: tuple[str, ...]
    text: str
    id: str | None
    take: str | None
    scene: str | None
    verbs: str | None
    nouns: str | None

    @property
    def media(self) -> tuple[str, ...]:
        """Columns with videos."""
        return (self.ego, *self.exo)

    @property
    def labels(self) -> tuple[str, ...]:
        """Columns with lists of labels."""
        return tuple(name for name in (self.verbs, self.nouns) if name)

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns with one text or one number."""
        return tuple(name for name in (self.text, self.id, self.take, self.scene) if name)

    @property
    def used(self) -> list[str]:
        """Every column that is read."""
        return list(dict.fromkeys((*self.media, *self.texts, *self.labels)))

    def check(self) -> None:
        """Refuse one column for two videos.

        Raises:
            UsageError: if a column stands twice, or an exo column has no name.
        """
        if len(set(self.media)) < len(self.media) or not all(self.media):
            raise UsageError(f"ego={self.ego},exo={'+'.join(self.exo)}: name each column once")


def check_types(
    columns: ColumnNames, schema: Any, features: Mapping[str, Any] | None, label: str
) -> None:
    """Check that every column exists and has a type that is read.

    Args:
        columns: of the user.
        schema: of `pyarrow`, of the rows.
        features: of the library, which knows that bytes are a sound or a picture; None: unknown.
        label: of the table, for messages.

    Raises:
        DataError: in one line that lists the columns or the types that fit.
    """
    for name in columns.used:
        if name not in schema.names:
            raise DataError(f"{label} has no column {name!r}; columns: {', '.join(schema.names)}")
    for names, is_right, expected in (
        (columns.media, _is_media, "a video: bytes, a path, or a Video column"),
        ((columns.text,), _is_text, "text"),
        (columns.texts, _is_name, "text or whole numbers"),
        (columns.labels, _is_label_list, "a list of text, or text with `;`"),
    ):
        for name in names:
            feature = features.get(name) if features else None
            kind = schema.field(name).type
            is_other = is_right is _is_media and type(feature).__name__ in ("Audio", "Image")
            if is_other or not is_right(kind):
                actual = type(feature).__name__ if is_other else kind
                raise DataError(
                    f"{label}: column {name!r} has the type {actual}; expected {expected}"
                )


def iter_clips(
    row: Mapping[str, Any], row_id: str, columns: ColumnNames
) -> Iterator[dict[str, Any]]:
    """Yield both clips of each pair of a row as a row of the folder format, with a video value.

    A camera without a video is left out if the row has another one.

    Args:
        row: value by column.
        row_id: id of the row.
        columns: what each column is for.

    Raises:
        DataError: for a row without a narration, an ego video or an exo video.
    """
    exo = [name for name in columns.exo if row.get(name) is not None]
    if row.get(columns.ego) is None or not exo:
        empty = columns.ego if exo else "+".join(columns.exo)
        raise DataError(f"column {empty!r} has no video (null)")
    narration = row.get(columns.text)
    if not isinstance(narration, str) or not narration.strip():
        raise DataError(f"column {columns.text!r} has no narration")
    for camera in exo:
        pair = f"{row_id}-{camera}" if len(columns.exo) > 1 else row_id
        for view, column in (("ego", columns.ego), ("exo", camera)):
            clip = {"pair": pair, "view": view, "video": row[column], "narration": narration}
            clip |= {"take": read_name(row, columns.take) or row_id, "camera": column}
            if scene := read_name(row, columns.scene):
                clip["scene"] = scene
            for key, name in (("verbs", columns.verbs), ("nouns", columns.nouns)):
                if name:
                    clip[key] = _list_labels(row.get(name))
            yield clip


def read_name(row: Mapping[str, Any], column: str | None) -> str | None:
    """Return the text of a cell; None if the cell is empty or there is no such column."""
    value = row.get(column) if column else None
    return None if value is None or value == "" else str(value)


def name_classes(rows: list[dict[str, Any]], features: Mapping[str, Any] | None) -> None:
    """Replace the numbers of columns of the type `ClassLabel` by the names of the classes."""
    for column, feature in (features or {}).items():
        item = getattr(feature, "feature", feature)
        names: list[str] = getattr(item, "names", None) or []
        for row in rows if names else ():
            if column in row:
                row[column] = _name_class(row[column], names)


def _name_class(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_name_class(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _list_labels(value: Any) -> list[str]:
    items = value.split(";") if isinstance(value, str) else value or ()
    return [text for item in items if item is not None and (text := str(item).strip())]


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind))


def _is_name(kind: Any) -> bool:
    from pyarrow import types

    return _is_text(kind) or bool(types.is_integer(kind))


def _is_label_list(kind: Any) -> bool:
    from pyarrow import types

    is_list = types.is_list(kind) or types.is_large_list(kind)
    return _is_text(kind) or (is_list and _is_name(kind.value_type))


def _is_media(kind: Any) -> bool:
    from pyarrow import types

    if types.is_struct(kind):
        return {"bytes", "path"} == {field.name for field in kind}
    return _is_text(kind) or bool(types.is_binary(kind) or types.is_large_binary(kind))
