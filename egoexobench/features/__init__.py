"""Encoders run over clips and texts, once."""
