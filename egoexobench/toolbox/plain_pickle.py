"""Reads pickles of plain values and NumPy arrays, and runs no code of theirs.

A pickle is a program: ``pickle.load`` calls whatever functions it names. Here its instructions are
followed by a machine that knows containers, text and numbers, and the few functions with which
NumPy writes an array. They are not called either: what they would make is built from their
arguments. Anything else is refused by name, with its place in the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, final

from egoexobench.errors import DataError
from egoexobench.toolbox.pickled_arrays import (
    FUNCTIONS,
    RefusedError,
    StoredArray,
    find_function,
    set_stored_state,
)

MAX_FILE_BYTES = 2 << 30
MAX_INTEGER_BYTES = 10
"""Of an integer; a larger one is no label and no coordinate."""
MAX_DEPTH = 32
"""Lists in lists."""
FREE_VALUES = 100_000
"""A file may have so many values, and one more for each of its bytes: what is shared counts as
often as it occurs."""
_EXPECTED = "only numbers, texts, lists, tuples, dictionaries and NumPy arrays of numbers are read"

_LONG = ("LONG", "LONG1", "LONG4", "INT")
_VALUES = (
    *("BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
"""Instructions whose argument is the value."""
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_NO_EFFECT = ("PROTO", "FRAME")


def read_plain_pickle(path: Path) -> Any:
    """Return the content of a pickle: plain values and NumPy arrays of numbers.

    Raises:
        DataError: if the file is missing or damaged, names a function or class, or has values
            without end.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise DataError(f"{path} has {size:,} bytes; a pickle may have {MAX_FILE_BYTES:,}")
        # of bytes in memory, a length that the file only claims to have allocates nothing
        content = _PickleMachine().run(pickletools.genops(path.read_bytes()))
        return _ValueConversion(size + FREE_VALUES).unwrap(content, 0)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except RefusedError as error:
        raise DataError(f"{path}: {error}") from error
    except (ValueError, EOFError, OverflowError) as error:  # what pickletools raises
        raise DataError(f"{path} is not a complete pickle: {error}") from error


@final
class _PickleMachine:
    """Follows instructions; the stack has values, and a list for each open mark."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, instructions: Iterator[tuple[Any, Any, int | None]]) -> Any:
        """Return what is on the stack at the end."""
        for opcode, argument, position in instructions:
            name = opcode.name
            if name == "STOP":
                break
            try:
                _HANDLERS[name](self, argument) if name in _HANDLERS else _refuse_instruction()
            except RefusedError as error:
                where = f"instruction {name} at byte {position}"
                raise RefusedError(f"{where} {error}; {_EXPECTED}") from error
            except (IndexError, KeyError, TypeError, AttributeError) as error:
                where = f"instruction {name} at byte {position}"
                raise RefusedError(f"{where} does not fit what stands before it") from error
        return self.stack.pop() if self.stack else None

    def pop(self, count: int) -> list[Any]:
        """Take items from the stack."""
        if len(self.stack) < count:
            raise IndexError
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def pop_mark(self) -> list[Any]:
        """Take everything that stands after the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def add_items(self, items: list[Any]) -> None:
        """Add items to the list on the stack, or keys and values to the dictionary there."""
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif type(target) is dict and len(items) % 2 == 0:
            for key, value in zip(items[::2], items[1::2], strict=True):
                if type(key) not in (str, int):  # the hash of tuples in tuples may take for ever
                    raise RefusedError(f"has a key of the type {type(key).__name__}")
                target[key] = value
        else:
            raise TypeError

    def push_value(self, value: Any) -> None:
        """Push the argument of an instruction."""
        self.stack.append(value)

    def push_integer(self, value: int) -> None:
        """Push an integer that may be of any size."""
        if value.bit_length() > 8 * MAX_INTEGER_BYTES:
            raise RefusedError(f"has an integer of {value.bit_length() // 8} bytes")
        self.stack.append(value)

    def push_marked(self, container: Any) -> None:
        """Push a list or dictionary with the items after a mark."""
        items = self.pop_mark()
        self.stack.append(container)
        self.add_items(items)

    def open_mark(self) -> None:
        """Put a mark on the stack."""
        self.marks.append(self.stack)
        self.stack = []

    def call_function(self) -> None:
        """Build what a function would make of its arguments."""
        function, arguments = self.pop(2)
        if type(arguments) is not tuple or function not in FUNCTIONS.values():
            raise TypeError
        self.stack.append(function(*arguments))

    def set_state(self) -> None:
        """Give what is on the stack its state."""
        (state,) = self.pop(1)
        set_stored_state(self.stack[-1], state)


def _refuse_instruction() -> None:
    raise RefusedError("is not read")


def _make_handlers() -> dict[str, Callable[[_PickleMachine, Any], object]]:
    """Return what each instruction does, by name; an instruction that is not here is refused."""
    return {
        **dict.fromkeys(_VALUES, lambda machine, argument: machine.push_value(argument)),
        **dict.fromkeys(_LONG, lambda machine, argument: machine.push_integer(argument)),
        **dict.fromkeys(
            _PUTS, lambda machine, argument: machine.memo.update({argument: machine.stack[-1]})
        ),
        **dict.fromkeys(
            _GETS, lambda machine, argument: machine.push_value(machine.memo[argument])
        ),
        **dict.fromkeys(_NO_EFFECT, lambda *_: None),
        "MEMOIZE": lambda machine, _: machine.memo.update({len(machine.memo): machine.stack[-1]}),
        "NONE": lambda machine, _: machine.push_value(None),
        "NEWTRUE": lambda machine, _: machine.push_value(True),
        "NEWFALSE": lambda machine, _: machine.push_value(False),
        "EMPTY_LIST": lambda machine, _: machine.push_value([]),
        "EMPTY_DICT": lambda machine, _: machine.push_value({}),
        "EMPTY_TUPLE": lambda machine, _: machine.push_value(()),
        "TUPLE1": lambda machine, _: machine.push_value(tuple(machine.pop(1))),
        "TUPLE2": lambda machine, _: machine.push_value(tuple(machine.pop(2))),
        "TUPLE3": lambda machine, _: machine.push_value(tuple(machine.pop(3))),
        "MARK": lambda machine, _: machine.open_mark(),
        "APPEND": lambda machine, _: machine.add_items(machine.pop(1)),
        "SETITEM": lambda machine, _: machine.add_items(machine.pop(2)),
        "APPENDS": lambda machine, _: machine.add_items(machine.pop_mark()),
        "SETITEMS": lambda machine, _: machine.add_items(machine.pop_mark()),
        "LIST": lambda machine, _: machine.push_marked([]),
        "DICT": lambda machine, _: machine.push_marked({}),
        "TUPLE": lambda machine, _: machine.push_value(tuple(machine.pop_mark())),
        "POP": lambda machine, _: machine.pop(1),
        "POP_MARK": lambda machine, _: machine.pop_mark(),
        "DUP": lambda machine, _: machine.push_value(machine.stack[-1]),
        "GLOBAL": lambda machine, name: machine.push_value(find_function(*name.split(" ", 1))),
        "STACK_GLOBAL": lambda machine, _: machine.push_value(find_function(*machine.pop(2))),
        "REDUCE": lambda machine, _: machine.call_function(),
        "BUILD": lambda machine, _: machine.set_state(),
    }


_HANDLERS = _make_handlers()


@final
class _ValueConversion:
    """Replaces what stands for arrays, and counts values: what is shared may have no end."""

    def __init__(self, max_values: int) -> None:
        self.max_values, self.num_values = max_values, 0

    def unwrap(self, value: Any, depth: int) -> Any:
        """Return a value with the values in it."""
        self.num_values += 1
        if self.num_values > self.max_values or depth > MAX_DEPTH:
            raise RefusedError(
                f"there are more than {self.max_values:,} values or {MAX_DEPTH} levels of lists"
            )
        match value:
            case list() | tuple():
                items = [self.unwrap(item, depth + 1) for item in value]
                return items if isinstance(value, list) else tuple(items)
            case dict():
                return {key: self.unwrap(item, depth + 1) for key, item in value.items()}
            case StoredArray() if value.value is not None:
                return value.value
            case None | bool() | int() | float() | str() | bytes() | bytearray():
                return value
        raise RefusedError(f"a {type(value).__name__} is no value; {_EXPECTED}")
