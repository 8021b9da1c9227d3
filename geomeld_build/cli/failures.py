"""Which exit code and which single line an exception becomes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from geomeld_build.errors import (
    ConfigError,
    GeomeldError,
    MissingExtra,
    SchemaVersionError,
    SourceError,
    StoreError,
)

__all__ = ["FAILURE", "INTERRUPTED", "OK", "PARTIAL", "SERVICE", "USAGE", "CommandFailed", "explain", "writing"]

OK = 0
FAILURE = 1
USAGE = 2
PARTIAL = 3
SERVICE = 4
INTERRUPTED = 130


class CommandFailed(GeomeldError):
    """A command ends with this code and this line.

    Attributes:
        code: exit code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


@contextmanager
def writing() -> Iterator[None]:
    """Inside, a place that cannot be written is a mistake of the caller (exit code 2), not a failure.

    Raises:
        CommandFailed: in place of a StoreError or of a refusal by the file system.
    """
    try:
        yield
    except (StoreError, PermissionError, NotADirectoryError, FileExistsError) as error:
        raise CommandFailed(USAGE, _one_line(error)) from error


def explain(error: BaseException) -> tuple[int, str]:
    """Exit code and line for stderr; an empty line means that nothing is left to say."""
    if _is_usage_error(error):
        return _usage(error)
    return _code(error), f"error: {_message(error)}"


def _code(error: BaseException) -> int:
    match error:
        case CommandFailed():
            return error.code
        case ConfigError() | MissingExtra() | SchemaVersionError():
            return USAGE
        case SourceError():
            return SERVICE
        case FileNotFoundError() | PermissionError() | IsADirectoryError() | NotADirectoryError():
            return USAGE
        case _:
            return USAGE if _is_validation_error(error) else FAILURE


def _message(error: BaseException) -> str:
    if _is_validation_error(error):
        return _validation_line(error)
    if isinstance(error, GeomeldError | OSError):
        return _one_line(error)
    return f"{type(error).__name__}: {_one_line(error)}"


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _is_usage_error(error: BaseException) -> bool:
    # Typer carries its own click since 0.20 or so and used the real one before: tell by shape, not by class.
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _usage(error: BaseException) -> tuple[int, str]:
    message = " ".join(str(error.format_message()).split())  # type: ignore[attr-defined]  # shape checked above
    context = getattr(error, "ctx", None)
    code = int(error.exit_code)  # type: ignore[attr-defined]  # shape checked above
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        return code, str(context.get_help())
    hint = f" (see '{context.command_path} --help')" if context is not None else ""
    return code, f"error: {message}{hint}"


def _is_validation_error(error: BaseException) -> bool:
    return type(error).__name__ == "ValidationError" and type(error).__module__.startswith("pydantic")


def _validation_line(error: BaseException) -> str:
    found = error.errors(include_url=False)  # type: ignore[attr-defined]  # pydantic's, told by its name: not imported
    first = found[0]
    key = ".".join(str(step) for step in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    where = f"{key}: " if key else ""
    got = f" (got {first['input']!r})" if key and first["type"] != "missing" else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"config: {where}{message}{got}{more}"
