"""The four agents over one tile: orchestrate, caption, evaluate, verify. Plain functions over a state."""
