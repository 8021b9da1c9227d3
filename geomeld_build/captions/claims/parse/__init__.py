"""From a text to its claims."""
