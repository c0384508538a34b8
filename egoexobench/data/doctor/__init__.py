"""Checks every clip of a data set and reports what cannot be used."""
