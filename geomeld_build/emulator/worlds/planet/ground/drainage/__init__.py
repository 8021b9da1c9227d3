"""Where water runs: a graph of the whole planet, rivers of a cell worked out on first touch, and lakes on them."""
