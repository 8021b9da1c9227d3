"""How much the packed encoder saves, and, where there is a GPU, how fast training is.

On a CPU the ratio of process times is what counts: packed and dense by turns, one thread. On a GPU whole steps of noise
are timed, packed and dense, eager and compiled, and fed by a loader.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from geomeld_build.train.config import TrainConfig
from geomeld_build.train.cost import cost_of, made_up_batch, plain_scales
from geomeld_build.train.encoder.convnext import Encoder, EncoderSpec
from geomeld_build.train.loop.optimiser import optimiser_of
from geomeld_build.train.model import GeoMeldFM
from geomeld_build.train.objective.jepa import follow
from geomeld_build.train.presets import load_config
from geomeld_build.train.step import backward

FULL = "GEOMELD_BENCH" in os.environ
OUT = Path(os.environ.get("GEOMELD_BENCH_OUT", tempfile.gettempdir()))
TURNS = 7 if FULL else 1
CASES = {"tiny": ("tiny", "patch", 2), "atto": ("atto", "mmearth", 4)} if FULL else {"test": ("test", "patch", 1)}
"""Size, stem, samples."""
GPU_BATCHES = {"atto": 1024, "tiny": 1024, "base": 1024}
LIMITS = (("H200", 790.0, 4.3), ("H100", 790.0, 2.9), ("A100", 312.0, 1.7))
"""Device, TFLOP/s of bf16 products, TB/s of a copy: published measurements."""


def _seconds(work: Callable[[], Tensor]) -> float:
    started = time.process_time()
    work().square().mean().backward()
    return time.process_time() - started


def _ratios(size: str, stem: Any, samples: int) -> dict[str, float]:
    """Process time of the dense encoder by that of the packed one, forward and backward."""
    torch.manual_seed(0)
    encoder = Encoder(EncoderSpec(size, stem=stem))
    pixels = torch.randn(samples, 12, 128, 128)
    patches = torch.stack([torch.randperm(64)[:19] for _ in range(samples)])
    ways: dict[str, Callable[[], Tensor]] = {
        "packed": lambda: encoder.tokens(pixels, patches),
        "dense": lambda: encoder.with_holes(pixels, patches),
        "naive": lambda: encoder(pixels)[-1],
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(TURNS + 1):
        for name, work in ways.items():
            seconds = _seconds(work)
            if turn or not FULL:
                spent[name].append(seconds)
    dense, naive = (
        statistics.median(other / packed for other, packed in zip(spent[name], spent["packed"], strict=True))
        for name in ("dense", "naive")
    )
    return {"dense": round(dense, 3), "naive": round(naive, 3)}


def test_packed_and_dense() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    figures: dict[str, Any] = {"torch": str(torch.__version__), "load_average": os.getloadavg()[0]}
    try:
        for name, case in CASES.items():
            ratios = _ratios(*case)
            figures[f"packed_vs_dense_{name}"] = ratios["dense"]
            figures[f"packed_vs_unmasked_{name}"] = ratios["naive"]
    finally:
        torch.set_num_threads(threads)
    assert all(value > 0 for key, value in figures.items() if key.startswith("packed"))
    if FULL:
        if torch.cuda.is_available():
            figures |= _on_gpu()
        (OUT / "train.json").write_text(json.dumps(figures, indent=2))
        print(json.dumps(figures, indent=2))


def _on_gpu() -> dict[str, Any]:
    """Rates of whole steps of noise, and of what the loader can feed."""
    device = torch.device("cuda")
    name = torch.cuda.get_device_name(device)
    figures: dict[str, Any] = {"device": name}
    for size, batch in GPU_BATCHES.items():
        for compiled in (False, True):
            config = load_config("tiny", ["data.store=none", f"encoder.size={size}", f"run.batch={batch}"])
            rate, memory = _steps_per_s(config, device, compiled=compiled)
            kind = "compiled" if compiled else "eager"
            figures[f"samples_per_s_{size}_{kind}"] = round(rate * batch, 1)
            figures[f"memory_gib_{size}_{kind}"] = round(memory, 1)
        figures[f"samples_per_s_{size}"] = max(figures[f"samples_per_s_{size}_{k}"] for k in ("eager", "compiled"))
        limit = next((one for one in LIMITS if one[0] in name), None)
        if limit is not None:
            achieved = figures[f"samples_per_s_{size}"] * cost_of(config).gflop_per_sample / 1000
            figures[f"fraction_of_limit_{size}"] = round(achieved / limit[1], 3)
    figures["packed_vs_dense_gpu"] = round(_gpu_ratio(device), 2)
    return figures


def _steps_per_s(config: TrainConfig, device: torch.device, *, compiled: bool) -> tuple[float, float]:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    model = GeoMeldFM(config, plain_scales(config), config.itc.words).to(device)
    optimiser = optimiser_of(model, config.optim)
    trained: Any = torch.compile(model) if compiled else model
    batch = made_up_batch(config, config.run.batch, config.itc.words, device)

    def step() -> None:
        optimiser.zero_grad()
        backward(trained, [batch], autocast=torch.autocast("cuda", torch.bfloat16))
        optimiser.step()
        if model.teacher is not None:
            follow(model.teacher, model.encoder, 0.996)

    for _ in range(5):
        step()
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(10):
        step()
    torch.cuda.synchronize(device)
    seconds = (time.perf_counter() - started) / 10
    memory = torch.cuda.max_memory_allocated(device) / 2**30
    return 1 / seconds, memory


def _gpu_ratio(device: torch.device) -> float:
    encoder = Encoder(EncoderSpec("tiny")).to(device)
    pixels = torch.randn(256, 12, 128, 128, device=device)
    patches = torch.stack([torch.randperm(64, device=device)[:19] for _ in range(256)])

    def timed(way: Callable[[Tensor, Tensor], Tensor]) -> float:
        for turn in range(6):
            if turn == 1:
                torch.cuda.synchronize(device)
                started = time.perf_counter()
            with torch.autocast("cuda", torch.bfloat16):
                way(pixels, patches).float().square().mean().backward()
        torch.cuda.synchronize(device)
        return time.perf_counter() - started

    return timed(encoder.with_holes) / timed(encoder.tokens)


@pytest.mark.skipif(not FULL or not torch.cuda.is_available(), reason="needs a GPU and make bench BENCH=train")
def test_fed_by_a_loader(tmp_path: Path) -> None:
    from geomeld_build.train.loop.run import train
    from tests.support.train_store import make_train_store

    make_train_store(tmp_path / "store", 256)
    config = load_config(
        "tiny", [f"data.store={tmp_path / 'store'}", f"run.out={tmp_path / 'run'}", "run.batch=128", "run.steps=100"]
    )
    summary = train(config)
    path = OUT / "train.json"
    figures = json.loads(path.read_text())
    rate, _ = _steps_per_s(config, torch.device("cuda"), compiled=False)
    figures["loader_fed_vs_synthetic"] = round(summary.samples / summary.seconds / (rate * 128), 3)
    path.write_text(json.dumps(figures, indent=2))
