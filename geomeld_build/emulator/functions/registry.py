"""Emulated functions by their service name. Arguments arrive in the order of the signature list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from geomeld_build.emulator.errors import ServiceError
from geomeld_build.emulator.signatures import Parameter, signatures

__all__ = ["Function", "emulated", "function", "lookup"]

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Function:
    """An emulated function and its arguments."""

    name: str
    call: Callable[..., Any]
    wants_session: bool
    parameters: tuple[Parameter, ...]


_IMPLEMENTATIONS: dict[str, tuple[Callable[..., Any], bool]] = {}


def function(*names: str, session: bool = False) -> Callable[[Implementation], Implementation]:
    """Register an implementation under one or more names.

    Args:
        names: names in the signature list.
        session: whether the implementation takes the evaluation session as its first argument.
    """

    def register(implementation: Implementation) -> Implementation:
        for name in names:
            if name in _IMPLEMENTATIONS:
                raise ValueError(f"Function {name} is registered twice.")
            _IMPLEMENTATIONS[name] = (implementation, session)
        return implementation

    return register


def emulated() -> list[str]:
    """Names of all emulated functions."""
    _load()
    return sorted(_IMPLEMENTATIONS)


@lru_cache(maxsize=2048)
def lookup(name: str) -> Function:
    """The function with this name.

    Raises:
        ServiceError: unknown to the service, or not emulated.
    """
    _load()
    signature = signatures().get(name)
    found = _IMPLEMENTATIONS.get(name)
    if signature is None:
        raise ServiceError(f"Invalid argument: unknown function '{name}'.")
    if found is None:
        raise ServiceError(f"{name}: this function is not emulated.")
    return Function(name, found[0], found[1], signature.parameters)


@lru_cache(maxsize=1)
def _load() -> None:
    from geomeld_build.emulator.functions import (  # noqa: F401  (registers on import)
        bands,
        collections,
        columns,
        composites,
        dates,
        display,
        elements,
        filters,
        geometries,
        images,
        lists,
        masks,
        numbers,
        places,
        reducers,
        regions,
        strings,
    )
