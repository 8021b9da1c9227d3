"""Where land cover classes lie in the indices of Sentinel-2 and the backscatter of Sentinel-1, and who says so.

A range holds the median of a class's pure, cloud-free, unfrozen pixels on level ground, in one tile on one date. Where
neither a publication nor a real sample tile gives a number, there is no range.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLASS_NAMES", "GLOBAL", "MEASURED", "QUANTITIES", "RANGES", "SOURCES", "Range"]

CLASS_NAMES = ("tree", "shrub", "grass", "crop", "built", "bare", "snow", "water", "wetland", "mangrove", "moss")
"""In the order of WorldCover's codes."""
QUANTITIES = {"ndvi": "NDVI", "ndwi": "NDWI", "vv": "VV, dB", "vh": "VH, dB", "vv_vh": "VV - VH, dB"}

SOURCES = {
    "USGS": "U.S. Geological Survey: NDVI, the Foundation for Remote Sensing Phenology (0.1 or less: barren rock, "
    "sand, snow; 0.2 to 0.5: shrubs, grasslands, senescing crops; 0.6 to 0.9: dense forests, crops at their peak)",
    "McFeeters": "McFeeters 1996, The use of the Normalized Difference Water Index (NDWI) in the delineation of open "
    "water features, doi:10.1080/01431169608948714 (water above 0, soil and vegetation zero or below)",
    "DSWx-S1": "NASA/JPL OPERA DSWx-S1, default algorithm parameters in opera-adt/DSWX-SAR (water: VH below -24 dB; "
    "dark land: VV below -14.6, VH below -22.8 dB; land: VH above -18 dB; flooded vegetation: VV - VH from 7 to 12 dB, "
    "VH above -26 dB)",
    "SSL4EO-S12": "Wang et al. 2023, SSL4EO-S12, doi:10.1109/MGRS.2023.3281651: mean and deviation of Sentinel-1 GRD "
    "around 251,079 places, VV -12.59 and 5.26 dB, VH -20.26 and 5.91 dB",
    "measured": "5 to 95 % of the pixels of the real sample tiles, see the table below",
}


@dataclass(frozen=True)
class Range:
    """Bounds and where they come from."""

    low: float
    high: float
    source: str
    """Keys of ``SOURCES`` and how they were read."""


_SPARSE, _VEGETATION = "USGS", "McFeeters: below 0"
_MIDDLE_VV = Range(-17.9, -7.3, "SSL4EO-S12: mean and one deviation")
_MIDDLE_VH = Range(-26.2, -14.4, "SSL4EO-S12: mean and one deviation")
_TREE_VV = Range(-14.6, -5.0, "DSWx-S1: not dark land; SSL4EO-S12: mean and 1.5 deviations above")
_TREE_VH = Range(-18.0, -11.4, "DSWx-S1: land; SSL4EO-S12: mean and 1.5 deviations above")

RANGES: dict[str, dict[str, Range]] = {
    "tree": {
        "ndvi": Range(0.40, 0.92, "USGS: forests; below 0.6 when the leaves are shed; measured"),
        "ndwi": Range(-0.90, -0.25, _VEGETATION),
        "vv": _TREE_VV,
        "vh": _TREE_VH,
    },
    "shrub": {
        "ndvi": Range(0.20, 0.65, _SPARSE),
        "ndwi": Range(-0.70, 0.0, _VEGETATION),
        "vv": _MIDDLE_VV,
        "vh": _MIDDLE_VH,
    },
    "grass": {
        "ndvi": Range(0.20, 0.93, "USGS: sparse; measured: dense"),
        "ndwi": Range(-0.84, -0.20, "measured, and drier"),
        "vv": Range(-15.4, -7.4, "measured"),
        "vh": Range(-21.8, -14.8, "measured"),
        "vv_vh": Range(2.8, 10.6, "measured"),
    },
    "crop": {
        "ndvi": Range(0.09, 0.91, "measured"),
        "ndwi": Range(-0.81, -0.14, "measured"),
        "vv": Range(-14.1, -5.4, "measured"),
        "vh": Range(-23.7, -12.6, "measured"),
        "vv_vh": Range(2.5, 13.0, "measured"),
    },
    "built": {
        "ndvi": Range(-0.10, 0.35, "measured: how the sample was selected"),
        "vv": Range(-9.4, 0.9, "measured"),
        "vh": Range(-18.4, -8.2, "measured"),
        "vv_vh": Range(3.9, 14.7, "measured"),
    },
    "bare": {
        "ndvi": Range(-0.05, 0.20, "USGS"),
        "ndwi": Range(-0.50, 0.0, "McFeeters: below 0"),
        "vv": Range(-23.1, -6.1, "DSWx-S1: may be dark; SSL4EO-S12: mean and two deviations below; measured: above"),
        "vh": Range(-32.1, -13.7, "DSWx-S1: may be dark; SSL4EO-S12: mean and two deviations below; measured: above"),
    },
    "snow": {
        "ndvi": Range(-0.10, 0.10, "USGS"),
        "vv": Range(-23.1, -2.1, "SSL4EO-S12: mean and two deviations"),
        "vh": Range(-32.1, -8.4, "SSL4EO-S12: mean and two deviations"),
    },
    "water": {
        "ndvi": Range(-0.85, 0.0, "measured"),
        "ndwi": Range(0.0, 0.90, "McFeeters: above 0; measured"),
        "vv": Range(-32.0, -15.0, "calm: below dark land of DSWx-S1"),
        "vh": Range(-40.0, -24.0, "DSWx-S1"),
    },
    "wetland": {
        "ndvi": Range(0.20, 0.90, "USGS: sparse to dense"),
        "ndwi": Range(-0.80, 0.0, _VEGETATION),
        "vv": Range(-17.9, -5.0, "SSL4EO-S12: mean, one deviation below and 1.5 above"),
        "vh": Range(-26.0, -14.4, "DSWx-S1; SSL4EO-S12: mean and one deviation above"),
        "vv_vh": Range(7.0, 12.0, "DSWx-S1: flooded vegetation"),
    },
    "mangrove": {
        "ndvi": Range(0.60, 0.92, "USGS: dense"),
        "ndwi": Range(-0.90, -0.25, _VEGETATION),
        "vv": _TREE_VV,
        "vh": _TREE_VH,
    },
    "moss": {
        "ndvi": Range(0.15, 0.55, _SPARSE),
        "ndwi": Range(-0.70, 0.0, _VEGETATION),
        "vv": _MIDDLE_VV,
        "vh": _MIDDLE_VH,
    },
}

GLOBAL = {"vv": (-12.59, 5.26), "vh": (-20.26, 5.91)}
"""Mean and deviation in dB of SSL4EO-S12."""

MEASURED: dict[tuple[str, str, str], tuple[float, ...]] = {
    ("Belgium", "crop", "ndvi"): (0.18, 0.34, 0.63, 0.80, 0.91),
    ("Belgium", "crop", "ndwi"): (-0.81, -0.72, -0.58, -0.38, -0.28),
    ("Belgium", "crop", "vv"): (-14.1, -11.7, -9.9, -8.1, -5.6),
    ("Belgium", "crop", "vh"): (-23.7, -19.4, -17.2, -15.4, -13.1),
    ("Belgium", "crop", "vv_vh"): (3.6, 5.8, 7.6, 9.5, 12.6),
    ("Belgium", "grass", "ndvi"): (0.38, 0.56, 0.73, 0.86, 0.93),
    ("Belgium", "grass", "ndwi"): (-0.84, -0.76, -0.68, -0.57, -0.39),
    ("Belgium", "grass", "vv"): (-15.4, -13.2, -11.8, -10.2, -7.4),
    ("Belgium", "grass", "vh"): (-21.8, -19.5, -18.1, -16.8, -14.8),
    ("Belgium", "grass", "vv_vh"): (2.8, 4.9, 6.4, 8.0, 10.6),
    ("Belgium, sealed", "built", "vv"): (-9.4, -7.2, -5.5, -3.1, 0.9),
    ("Belgium, sealed", "built", "vh"): (-18.4, -16.3, -14.2, -12.1, -8.2),
    ("Belgium, sealed", "built", "vv_vh"): (3.9, 6.2, 8.8, 11.4, 14.7),
    ("Punjab", "bare", "vv"): (-14.6, -11.9, -10.2, -8.6, -6.1),
    ("Punjab", "bare", "vh"): (-25.2, -21.1, -18.6, -16.4, -13.7),
    ("Punjab", "bare", "vv_vh"): (3.3, 6.2, 8.5, 10.9, 14.7),
    ("Punjab", "crop", "vv"): (-13.3, -10.9, -9.2, -7.6, -5.4),
    ("Punjab", "crop", "vh"): (-22.3, -18.4, -16.4, -14.7, -12.6),
    ("Punjab", "crop", "vv_vh"): (2.5, 5.3, 7.3, 9.5, 13.0),
    ("Thailand", "water", "ndvi"): (-0.63, -0.60, -0.54, -0.27, -0.04),
    ("Thailand", "water", "ndwi"): (0.21, 0.46, 0.63, 0.66, 0.73),
    ("EuroSAT AnnualCrop_1", "crop", "ndvi"): (0.09, 0.11, 0.14, 0.25, 0.38),
    ("EuroSAT AnnualCrop_1", "crop", "ndwi"): (-0.38, -0.31, -0.22, -0.16, -0.14),
    ("EuroSAT Pasture_300", "grass", "ndvi"): (0.41, 0.72, 0.82, 0.85, 0.86),
    ("EuroSAT Pasture_300", "grass", "ndwi"): (-0.72, -0.71, -0.67, -0.58, -0.36),
    ("GEO-Bench m-eurosat 1905", "tree", "ndvi"): (0.62, 0.66, 0.69, 0.72, 0.76),
    ("GEO-Bench m-eurosat 1905", "tree", "ndwi"): (-0.61, -0.56, -0.52, -0.48, -0.43),
}
"""Sample, class and quantity to the 5, 25, 50, 75 and 95 % quantiles of its pixels."""
