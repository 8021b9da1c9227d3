"""The run: batches, steps, checkpoints, logs."""
