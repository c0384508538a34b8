"""The module that is trained."""
