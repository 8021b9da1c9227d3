"""A byte-level vocabulary trained on the captions of a store: small, complete, without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from geomeld_build.errors import ConfigError

__all__ = ["PAD", "Tokens", "Vocabulary", "train_vocabulary"]

PAD, END = 0, 1
_SPECIAL = ["<pad>", "<end>"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts as numbers."""

    numbers: NDArray[np.int64]
    """``(text, token)``, padded with ``PAD``."""
    truncated: int
    """Texts that did not fit."""


class Vocabulary:
    """Numbers for parts of words."""

    def __init__(self, text: str) -> None:
        """Args:
        text: as ``to_json`` gives it, the format of Hugging Face's tokenizers.

        Raises:
            ConfigError: it is no such text.
        """
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:
            # The library has no exception of its own: it raises plain ``Exception``.
            raise ConfigError(f"the vocabulary cannot be read: {error}") from error
        self._text = text

    @property
    def size(self) -> int:
        """Numbers there are."""
        found: int = self._tokenizer.get_vocab_size()
        return found

    @property
    def sha(self) -> str:
        """A hash of its file."""
        return hashlib.blake2b(self._text.encode(), digest_size=8).hexdigest()

    def to_json(self) -> str:
        """The file."""
        return self._text

    def numbers(self, texts: Sequence[str], length: int) -> Tokens:
        """Texts as rows of one length; of longer ones the beginning, with the end marked all the same."""
        found = np.full((len(texts), length), PAD, dtype=np.int64)
        truncated = 0
        for row, encoded in zip(found, self._tokenizer.encode_batch(list(texts)), strict=True):
            kept = encoded.ids[: length - 1]
            truncated += len(kept) < len(encoded.ids)
            row[: len(kept)] = kept
            row[len(kept)] = END
        return Tokens(found, truncated)

    def text(self, numbers: Iterable[int]) -> str:
        """The text of a row."""
        found: str = self._tokenizer.decode([int(one) for one in numbers if one >= len(_SPECIAL)])
        return found


def train_vocabulary(texts: Iterable[str], size: int = 16_384) -> Vocabulary:
    """Merge what is commonest until there are so many parts; every byte has a number, so nothing is unknown.

    Raises:
        ConfigError: there is no text.
    """
    texts = sorted(set(texts))
    if not texts:
        raise ConfigError("a vocabulary needs captions: run 'geomeld-build caption run' on the store first")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Vocabulary(tokenizer.to_str())
