"""A small Earth Engine: serves the REST protocol of the real ``ee`` client over a world of rasters.

Imports nothing of the rest of the package; only ``cli`` and tests import it.
"""
