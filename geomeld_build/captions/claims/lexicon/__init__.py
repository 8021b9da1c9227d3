"""The words that carry claims. Data, and the one function that compiles it."""
