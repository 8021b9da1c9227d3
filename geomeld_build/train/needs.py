"""What training needs besides the package itself."""

from __future__ import annotations

from importlib.util import find_spec

from geomeld_build.errors import MissingExtra

__all__ = ["require_torch"]

_MODULES = ("torch", "safetensors", "tokenizers")


def require_torch() -> None:
    """Called before modules that import torch are.

    Raises:
        MissingExtra: something of the extra ``train`` is not installed.
    """
    absent = [name for name in _MODULES if find_spec(name) is None]
    if absent:
        raise MissingExtra(
            f"training needs {', '.join(absent)}, not installed here: pip install 'geomeld-build[train]'"
        )
