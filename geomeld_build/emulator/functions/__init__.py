"""Implementations of service functions, one module per family."""
