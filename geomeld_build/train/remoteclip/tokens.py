"""CLIP's tokens of a text, from the published list of merges (``bpe_simple_vocab_16e6.txt.gz``)."""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor

from geomeld_build.errors import ConfigError

__all__ = ["ClipTokens"]

_MERGES = 49_152 - 256 - 2
"""Lines of the list that count: with 256 bytes, these again at a word's end, and two ends of text, 49,408 tokens."""
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


class ClipTokens:
    """Texts as numbers.

    Args:
        merges: the list, plain or gzipped.
        context: tokens of a text, with both ends.

    Raises:
        ConfigError: the list cannot be read.
    """

    def __init__(self, merges: Path, context: int = 77) -> None:
        self._context = context
        self._tokenizer, size = _tokenizer(merges)
        self._start, self._end = size - 2, size - 1
        self.size = size

    def pieces(self, text: str) -> list[list[int]]:
        """The tokens of a text in pieces that fit: the whole of it, else its sentences, cut where they are too long."""
        room = self._context - 2
        whole = self._tokenizer.encode(text).ids
        if len(whole) <= room:
            return [whole]
        found = []
        for sentence in text.replace("! ", ". ").replace("? ", ". ").split(". "):
            tokens = self._tokenizer.encode(sentence).ids
            found += [tokens[start : start + room] for start in range(0, len(tokens), room)]
        return found

    def tensor(self, pieces: list[list[int]]) -> Tensor:
        """Pieces with both ends, ``(n, context)``, zeros behind."""
        found = torch.zeros(len(pieces), self._context, dtype=torch.long)
        for row, tokens in zip(found, pieces, strict=True):
            row[: len(tokens) + 2] = torch.tensor([self._start, *tokens, self._end])
        return found


def _tokenizer(path: Path) -> tuple[Tokenizer, int]:
    try:
        raw = path.read_bytes()
        lines = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode().split("\n")
    except (OSError, EOFError, ValueError) as error:
        raise ConfigError(f"cannot read CLIP's vocabulary {path}: {error}") from error
    # The first line is a heading.
    merges = [tuple(line.split()) for line in lines[1 : _MERGES + 1] if line.strip()]
    if not merges or any(len(pair) != 2 for pair in merges):
        raise ConfigError(
            f"{path} is no list of merges: expected two pieces a line, as in bpe_simple_vocab_16e6.txt.gz"
        )
    bytes_ = list(_byte_letters())
    names = [*bytes_, *(f"{one}</w>" for one in bytes_), *("".join(pair) for pair in merges)]
    names += ["<|startoftext|>", "<|endoftext|>"]
    model = models.BPE(
        vocab={name: number for number, name in enumerate(names)},
        merges=[(left, right) for left, right in merges],
        end_of_word_suffix="</w>",
        fuse_unk=False,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex("[\u2018\u2019]"), "'"),
            normalizers.Replace(Regex("[\u201c\u201d]"), '"'),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, len(names)


def _byte_letters() -> list[str]:
    """The letter that stands for each byte, in the order of CLIP's vocabulary: printable ones for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(len(others))]
