"""Checks of what the embeddings of a method depend on."""
