"""Annotations and decoded media."""
