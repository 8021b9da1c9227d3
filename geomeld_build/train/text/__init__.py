"""Captions as numbers: a vocabulary of the store's own, and the tower that reads them."""
