"""Worlds: what the emulator serves. A folder of real rasters, or the simulated planet."""
