"""The offline captioner: a grammar over the signals. It proposes claims, keeps the true ones, and words them."""
