"""From stored integers to images, targets and masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from geomeld_build.errors import ConfigError
from geomeld_build.modalities import MODALITIES, REFERENCE, modality
from geomeld_build.store import open_store
from geomeld_build.train.pixels.masks import MaskRule, draw_order, masks_of
from geomeld_build.train.pixels.prepare import Prepare
from geomeld_build.train.pixels.rows import TARGET_ROWS, groups_of, target_row
from geomeld_build.train.pixels.scales import Scales, scales_of
from tests.support.small_store import make_store
from tests.support.train_batches import made_pixels, made_scales

BANDS = modality(REFERENCE).bands
RULE = MaskRule((8, 8))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = tmp_path_factory.mktemp("train") / "store"
    make_store(uri)
    return str(uri)


def test_groups_come_from_the_table() -> None:
    groups = groups_of(TARGET_ROWS)
    assert [len(group) for group in groups.values()].count(2) == 1
    assert [one.name for group in groups.values() for one in group] == list(TARGET_ROWS)
    assert sum(one.channels for group in groups.values() for one in group) == 44
    with pytest.raises(ConfigError, match=r"scl is no training target: expected some of sentinel2"):
        target_row("scl")


def test_scales_are_those_of_the_pixels(store: str) -> None:
    opened = open_store(store)
    names = [name for name in TARGET_ROWS if name in opened.modalities]
    scales = scales_of(opened, names)
    tiles = [opened.raw(tile_id, names) for tile_id in opened.tile_ids()]
    for name, bands in scales.bands.items():
        row = modality(name)
        for at, band in enumerate(row.bands):
            pixels = np.stack([tile[name][at] for tile in tiles]).astype(np.float64)
            pixels[pixels == row.nodata] = np.nan
            if target_row(name).centred:
                pixels -= np.nanmean(pixels, axis=(1, 2), keepdims=True)
            known = pixels[np.isfinite(pixels)]
            found = bands[band]
            assert found.share == (0 if known.size == 0 else pytest.approx(found.share))
            if known.size:
                assert found.mean == pytest.approx(
                    0.0 if target_row(name).centred else known.mean(), rel=1e-6, abs=1e-6
                )
                assert found.std == pytest.approx(known.std() or 1.0, rel=1e-6)
    assert Scales.from_dict(scales.to_dict()) == scales


def test_images_are_standardised_and_holes_are_known() -> None:
    pixels = made_pixels(TARGET_ROWS, [0, 1], 32, 0.2)
    scales = made_scales(TARGET_ROWS)
    prepared = Prepare(TARGET_ROWS, BANDS, scales)(pixels)
    stored = pixels[REFERENCE].numpy().astype(np.float64)
    expected = np.stack([(stored[:, at] - (1000.0 + at)) / 500.0 for at in range(12)], axis=1)
    there = np.broadcast_to((stored != 0).all(axis=1, keepdims=True), stored.shape)
    assert 0.5 < there.mean() < 0.9
    np.testing.assert_array_equal(prepared.there.numpy(), there)
    np.testing.assert_allclose(prepared.image.numpy(), np.where(there, expected, 0.0), atol=1e-5)
    for name in TARGET_ROWS:
        row, target = modality(name), prepared.targets[name]
        raw = pixels[name].numpy()
        if name != REFERENCE:
            np.testing.assert_array_equal(target.valid.numpy(), raw != row.nodata)
        if row.classes is not None:
            codes = np.array(row.classes.values)[target.values.numpy()]
            np.testing.assert_array_equal(codes[target.valid.numpy()], raw[target.valid.numpy()])
    elevation = next(one for group in groups_of(TARGET_ROWS).values() for one in group if one.centred).name
    raw = np.where(pixels[elevation].numpy() == modality(elevation).nodata, np.nan, pixels[elevation].numpy())
    apart = (raw - np.nanmean(raw, axis=(2, 3), keepdims=True) - 1000.0) / 500.0
    np.testing.assert_allclose(prepared.targets[elevation].values.numpy(), np.nan_to_num(apart), atol=1e-4)


def test_bands_are_known_by_name() -> None:
    pixels = made_pixels((), [0, 1, 2], 32)
    scales = made_scales(())
    straight = Prepare((), BANDS, scales)(pixels)
    turned = tuple(reversed(BANDS))
    other = Prepare((), BANDS, scales, given=turned)({REFERENCE: pixels[REFERENCE].flip(1)})
    assert torch.equal(straight.image, other.image)
    assert torch.equal(straight.there, other.there)
    # Nine bands, as the released NAIP subset has them: the others are missing, not shifted.
    given = tuple(band for band in BANDS if band not in {"B2", "B3", "B4"})
    nine = Prepare((), BANDS, scales, given=given)({REFERENCE: pixels[REFERENCE][:, [BANDS.index(b) for b in given]]})
    for at, band in enumerate(BANDS):
        if band in given:
            assert torch.equal(nine.image[:, at], straight.image[:, at])
        else:
            assert not bool(nine.there[:, at].any())
    with pytest.raises(ConfigError, match=r"no statistics of the bands B99"):
        Prepare((), ("B99",), scales)


def test_a_band_that_a_tile_lacks_does_not_make_its_pixels_invalid() -> None:
    pixels = made_pixels((), [0, 1], 32, 0.0)[REFERENCE].to(torch.int32)
    pixels[0, 3] = 0
    prepared = Prepare((), BANDS, made_scales(()))({REFERENCE: pixels.to(torch.uint16)})
    assert not bool(prepared.there[0, 3].any())
    assert bool(prepared.there[0, :3].all())
    assert bool(prepared.there[1].all())


def test_masks_depend_on_the_tile_the_epoch_and_the_seed() -> None:
    ids = [f"t{number}" for number in range(50)]
    order = draw_order(ids, RULE, seed=3, epoch=2)
    turned = draw_order(ids[::-1], RULE, seed=3, epoch=2)
    np.testing.assert_array_equal(order, turned[::-1])
    for other in (draw_order(ids, RULE, seed=4, epoch=2), draw_order(ids, RULE, seed=3, epoch=3)):
        assert (other != order).mean() > 0.9
    assert all(len(set(row)) == 64 for row in order.tolist())
    seen = masks_of(
        torch.from_numpy(draw_order([str(n) for n in range(4000)], RULE, seed=0, epoch=0)), _there(4000), RULE
    )
    shares = torch.bincount(seen.seen.flatten(), minlength=64) / 4000
    assert seen.seen.shape == (4000, 19)
    # 19 of 64, give or take four deviations.
    assert bool(((shares - 19 / 64).abs() < 4 * (19 / 64 * 45 / 64 / 4000) ** 0.5).all())


def _there(samples: int) -> torch.Tensor:
    return torch.ones(samples, 1, 8, 8, dtype=torch.bool)


def test_empty_patches_are_never_seen_and_empty_tiles_are_no_lesson() -> None:
    there = torch.ones(3, 2, 128, 128, dtype=torch.bool)
    there[1, :, :, :64] = False
    there[2, :, :112] = False
    masks = masks_of(torch.from_numpy(draw_order(["a", "b", "c"], RULE, seed=0, epoch=0)), there, RULE)
    assert masks.fit.tolist() == [True, True, False]
    assert bool((masks.seen[1] % 8 >= 4).all())
    assert masks.hidden_fit.sum(1).tolist() == [45, 32 - 19, 0]
    for sample in range(3):
        assert sorted([*masks.seen[sample].tolist(), *masks.hidden[sample].tolist()]) == list(range(64))


@pytest.mark.parametrize(
    ("grid", "ratio", "seen"), [((8, 8), 0.7, 19), ((7, 7), 0.7, 14), ((4, 4), 0.75, 4), ((8, 8), 0.0, 64)]
)
def test_how_many_are_seen(grid: tuple[int, int], ratio: float, seen: int) -> None:
    assert MaskRule(grid, ratio).seen == seen


def test_masks_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match=r"mask ratio 1.0: expected 0"):
        MaskRule((8, 8), 1.0)
    with pytest.raises(ConfigError, match=r"leaves none to see"):
        MaskRule((1, 2), 0.9)


def test_a_store_without_a_row_says_so(store: str) -> None:
    opened = open_store(store)
    with pytest.raises(ConfigError, match=r"no tile of .* has a valid pixel of"):
        scales_of(opened, [name for name in MODALITIES if name in TARGET_ROWS], where="cloud_fraction > 99")
