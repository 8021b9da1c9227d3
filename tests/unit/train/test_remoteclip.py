"""RemoteCLIP's reader against open_clip (``scripts/freeze_clip.py``), and as a scorer of captions."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from geomeld_build.captions.agents.run import caption_store
from geomeld_build.captions.agents.settings import REMOTECLIP, CaptionSettings, ScorerSettings
from geomeld_build.captions.agents.table import captions_of
from geomeld_build.captions.signals.table import measure_store
from geomeld_build.cli import main
from geomeld_build.errors import ConfigError
from geomeld_build.train.remoteclip.scorer import open_remoteclip
from geomeld_build.train.remoteclip.tokens import ClipTokens
from tests.support.small_store import make_store
from tests.support.vision_stub import MODEL, Stub, running_stub

FROZEN = np.load(Path(__file__).with_name("clip_open_clip.npz"))
TEXTS = [str(text) for text in FROZEN["texts"]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Weights and vocabulary as they are released."""
    folder = tmp_path_factory.mktemp("clip")
    prefix = "weight/"
    weights = {
        name.removeprefix(prefix): torch.from_numpy(FROZEN[name].astype(np.float32))
        for name in FROZEN.files
        if name.startswith(prefix)
    }
    torch.save(weights, folder / "weights.pt")
    (folder / "merges.txt.gz").write_bytes(gzip.compress(str(FROZEN["merges"]).encode()))
    return str(folder / "weights.pt"), str(folder / "merges.txt.gz")


def picture(side: int = 32) -> bytes:
    target = io.BytesIO()
    Image.fromarray(FROZEN["picture"]).resize((side, side), Image.Resampling.NEAREST).save(target, format="PNG")
    return target.getvalue()


@pytest.mark.parametrize("activation", ["gelu", "quickgelu"])
def test_scores_are_those_of_open_clip(files: tuple[str, str], activation: str) -> None:
    scorer = open_remoteclip(*files, activation=activation, device="cpu")
    expected = FROZEN[f"text_{activation}"] @ FROZEN[f"image_{activation}"][0]
    assert scorer.similarities(picture(), TEXTS) == pytest.approx(expected.tolist(), abs=2e-6)
    assert np.ptp(expected) > 0.05, "texts differ"


def test_tokens_are_those_of_open_clip(files: tuple[str, str]) -> None:
    tokens = ClipTokens(Path(files[1]))
    pieces = [tokens.pieces(text) for text in TEXTS]
    for text, row, expected in zip(TEXTS, pieces, FROZEN["tokens"], strict=True):
        if len(row) == 1:
            assert tokens.tensor(row)[0].tolist() == expected.tolist(), text
    assert sum(len(row) == 1 for row in pieces) >= 4


def test_texts_that_are_too_long_are_scored_by_sentence(files: tuple[str, str]) -> None:
    scorer = open_remoteclip(*files, device="cpu")
    sentences = [f"Forest number {number} stands on the northern slope of the tile" for number in range(12)]
    whole, *apart = scorer.similarities(picture(), [". ".join(sentences), *sentences])
    assert whole == pytest.approx(float(np.mean(apart)), abs=1e-6)
    endless = scorer.similarities(picture(), ["forest " * 500])
    assert np.isfinite(endless).all()


def test_what_cannot_be_opened_is_named(files: tuple[str, str], tmp_path: Path) -> None:
    weights, merges = files
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"nothing")
    torch.save({"some": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "short.txt").write_text("#version\ni n\n")
    with pytest.raises(ConfigError, match=r"cannot read weights from .*broken\.pt"):
        open_remoteclip(str(broken), merges)
    with pytest.raises(ConfigError, match=r"other\.pt has no weights of CLIP"):
        open_remoteclip(str(tmp_path / "other.pt"), merges)
    with pytest.raises(ConfigError, match="makes 515 tokens"):
        open_remoteclip(weights, str(tmp_path / "short.txt"))
    with pytest.raises(ConfigError, match=r"cannot read CLIP's vocabulary .*none"):
        open_remoteclip(weights, str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="expected one of gelu, quickgelu"):
        open_remoteclip(weights, merges, activation="relu")


def test_the_preset_of_the_paper_runs_with_both(files: tuple[str, str], tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    make_store(tmp_path / "store")
    measure_store(store)
    weights, merges = files
    with running_stub(Stub({})) as stub:
        model = ["--url", stub.url, "--model", MODEL, "--answers", str(tmp_path / "answers"), "--producer", "paper"]
        clip = ["--remoteclip", weights, "--clip-vocab", merges]
        assert main(["caption", "run", store, "--preset", "paper", "--k", "3", *model, *clip]) == 0
    for record in captions_of(store, "paper"):
        assert record.evaluator["image"]["kind"] == "remoteclip"
        assert record.captioner["model"] == MODEL
        assert all("image" in one.scores for one in record.candidates if one.source == "vision")


def test_the_grammar_may_be_ranked_too(files: tuple[str, str], tmp_path: Path) -> None:
    make_store(tmp_path / "store")
    store = str(tmp_path / "store")
    measure_store(store)
    options = (("weights", files[0]), ("vocabulary", files[1]))
    caption_store(store, CaptionSettings(image_scorer=ScorerSettings(opener=REMOTECLIP, options=options), count=3))
    looked = [json.loads(one.model_dump_json())["evaluator"]["looks_at_image"] for one in captions_of(store)]
    assert looked == [True] * len(looked)
