"""Make ``tests/unit/train/clip_open_clip.npz``: what open_clip says of texts and pictures, by a small random model.

    pip install --no-deps --target open_clip open_clip_torch ftfy regex huggingface_hub filelock fsspec tqdm wcwidth
    python scripts/freeze_clip.py open_clip

open_clip needs torchvision, which would replace torch: stand-ins are put in its place, since nothing of it is used.
The file was made with open_clip_torch 3.3.0 and torch 2.13.0.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

TARGET = Path(__file__).parents[1] / "tests" / "unit" / "train" / "clip_open_clip.npz"
TEXTS = (
    "Forest covers half of this tile; it's 80% - really, at 1,200 m.",
    "The Rhône’s bank, a naïve café, “quoted”, 北京 and  two\n\n canals",
    "A river about 140 m wide runs from north-west to south-east, and villages lie along its banks.",
    "Grassland, cropland and a few houses. We'll see; they've said so.",
    "",
)
_MERGES = 400


def main(folder: str) -> None:
    """Write the file."""
    clip, tokenizer_class = _open_clip(folder)
    merges = _merges()
    with tempfile.NamedTemporaryFile(suffix=".txt.gz") as file:
        file.write(gzip.compress(merges.encode()))
        file.flush()
        tokenizer = tokenizer_class(bpe_path=file.name)
    torch.manual_seed(0)
    found: dict[str, Any] = {"merges": merges, "texts": np.array(TEXTS), "tokens": tokenizer(list(TEXTS)).numpy()}
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found["picture"] = picture
    words = max(tokenizer.encoder.values()) + 1
    weights: dict[str, torch.Tensor] | None = None
    for name, quick in (("gelu", False), ("quickgelu", True)):
        vision = clip.CLIPVisionCfg(layers=1, width=64, patch_size=8, image_size=32)
        text = clip.CLIPTextCfg(context_length=77, vocab_size=words, width=64, heads=1, layers=1)
        model = clip.CLIP(16, vision, text, quick_gelu=quick).eval()
        if weights is None:
            # Half precision keeps the file small; both sides compute with the rounded values.
            weights = {key: value.half().float() for key, value in model.state_dict().items() if key != "attn_mask"}
        model.load_state_dict(weights, strict=False)
        with torch.no_grad():
            found[f"image_{name}"] = model.encode_image(_normalised(picture), normalize=True).numpy()
            found[f"text_{name}"] = model.encode_text(torch.from_numpy(found["tokens"]), normalize=True).numpy()
    assert weights is not None
    found |= {f"weight/{key}": value.numpy().astype(np.float16) for key, value in weights.items()}
    np.savez_compressed(TARGET, **found)
    print(f"wrote {TARGET}, {TARGET.stat().st_size / 1e3:.0f} kB")


def _normalised(picture: np.ndarray) -> torch.Tensor:
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    values = (picture.astype(np.float32) / 255 - np.array(mean)) / np.array(deviation)
    return torch.from_numpy(values.transpose(2, 0, 1).astype(np.float32))[None]


def _open_clip(folder: str) -> tuple[Any, Any]:
    sys.path.insert(0, folder)
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.misc", "timm"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision.ops.misc"].FrozenBatchNorm2d = torch.nn.Identity  # type: ignore[attr-defined]
    package = types.ModuleType("open_clip")
    package.__path__ = [f"{folder}/open_clip"]
    sys.modules["open_clip"] = package
    from open_clip import model
    from open_clip.tokenizer import SimpleTokenizer

    return model, SimpleTokenizer


def _merges() -> str:
    """A small list in the form of CLIP's, learned from this project's documentation."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    pages = [str(path) for path in sorted((Path(__file__).parents[1] / "docs").glob("*.md"))]
    trainer = trainers.BpeTrainer(vocab_size=100 + _MERGES, end_of_word_suffix="</w>", show_progress=False)
    tokenizer.train(pages, trainer)
    learned = json.loads(tokenizer.to_str())["model"]["merges"][:_MERGES]
    return "#version: 0.2\n" + "\n".join(" ".join(pair) for pair in learned)


if __name__ == "__main__":
    main(sys.argv[1])
