"""From a claim and a tile's signals to a label."""
