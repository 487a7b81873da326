"""Options that belong together, and reach a command as one value."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

Command = Callable[..., object]


def option_group(
    argument: str,
    group: type[Any],
    options: Sequence[Callable[[Command], Command]],
    *,
    complete: Callable[[Any], object] | None = None,
) -> Callable[[Command], Command]:
    """A decorator: the command gets the `options`, and takes their values as its one `argument`.

    That is a `group`, a dataclass whose field names are the options', or what `complete` makes of it.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def grouped(**values: Any) -> object:
            chosen = group(**{field.name: values.pop(field.name) for field in fields(group)})
            values[argument] = chosen if complete is None else complete(chosen)
            return function(**values)

        command: Command = grouped
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
