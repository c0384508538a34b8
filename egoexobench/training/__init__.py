"""The training loop and its weights."""
