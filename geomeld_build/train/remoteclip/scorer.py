"""RemoteCLIP as a scorer of captions (``caption run --remoteclip``)."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from geomeld_build.errors import ConfigError
from geomeld_build.train.remoteclip.model import Activation, Clip, sizes_of
from geomeld_build.train.remoteclip.tokens import ClipTokens

__all__ = ["RemoteClip", "open_remoteclip"]

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training pictures (github.com/openai/CLIP)."""


class RemoteClip:
    """Cosines between a picture and texts."""

    def __init__(self, model: Clip, tokens: ClipTokens, about: dict[str, Any], device: str) -> None:
        self._model, self._tokens, self._about = model.to(device).eval(), tokens, about
        self._device = device

    def describe(self) -> dict[str, Any]:
        """Kind, file and its hash, and the activation, which the file does not tell."""
        return dict(self._about)

    def similarities(self, png: bytes, texts: Sequence[str]) -> list[float]:
        """The cosine of the picture and each text; of texts that are too long, the mean over their sentences."""
        pieces = [self._tokens.pieces(text) for text in texts]
        flat = [piece for of_text in pieces for piece in of_text]
        if not flat:
            return []
        with torch.inference_mode():
            picture = self._model.image(_pixels(png, self._model.sizes.side).to(self._device))
            found = (self._model.text(self._tokens.tensor(flat).to(self._device)) @ picture.T).flatten().tolist()
        scores, at = [], 0
        for of_text in pieces:
            part = found[at : at + len(of_text)]
            scores.append(sum(part) / len(part) if part else 0.0)
            at += len(of_text)
        return scores


def _pixels(png: bytes, side: int) -> Tensor:
    """A picture ``(1, 3, side, side)``: resized by Pillow's bicubic, the middle cut out, normalised."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    width, height = (side * edge // min(image.size) for edge in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - side) / 2), round((height - side) / 2)
    image = image.crop((left, top, left + side, top + side))
    values = (np.asarray(image, dtype=np.float32) / 255 - np.array(_MEAN)) / np.array(_DEVIATION)
    return torch.from_numpy(values.transpose(2, 0, 1).astype(np.float32))[None]


def open_remoteclip(weights: str, vocabulary: str, activation: str = "gelu", device: str = "auto") -> RemoteClip:
    """Open a file of weights.

    Args:
        weights: a state dict of RemoteCLIP's release, e.g. ``RemoteCLIP-ViT-L-14.pt``.
        vocabulary: CLIP's list of merges, ``bpe_simple_vocab_16e6.txt.gz``.
        activation: ``gelu``, as the release says, or ``quickgelu``, as OpenAI's own weights were trained.
        device: ``auto`` takes a GPU where there is one.

    Raises:
        ConfigError: a file cannot be read or is of another model.
    """
    if activation not in get_args(Activation):
        raise ConfigError(f"activation {activation!r}: expected one of {', '.join(get_args(Activation))}")
    path = Path(weights)
    state = _state(path)
    try:
        sizes = sizes_of(state)
        tokens = ClipTokens(Path(vocabulary), sizes.context)
        if tokens.size != sizes.words:
            raise ConfigError(f"{vocabulary} makes {tokens.size} tokens, and {path} knows {sizes.words}")
        with torch.device("meta"):
            model = Clip(sizes, cast("Activation", activation))
        model.mask = torch.full((sizes.context, sizes.context), float("-inf")).triu(1)
        model.load_state_dict(state, strict=True, assign=True)
    except ConfigError:
        raise
    except (KeyError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{path} has no weights of CLIP's vision transformers: {error}") from error
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    about = {"kind": "remoteclip", "weights": path.name, "sha": _sha(path), "activation": activation}
    return RemoteClip(model.float(), tokens, about, chosen)


def _state(path: Path) -> dict[str, Tensor]:
    """The weights by name; without the mask, which some releases keep."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(f"cannot read weights from {path}: {str(error).splitlines()[0]}") from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    return {str(name).removeprefix("module."): value for name, value in state.items() if name != "attn_mask"}


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
