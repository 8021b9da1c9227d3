"""Claims: what a text says of a tile, and whether the signals bear it out."""
