"""Runs the work of a command as jobs of a launcher: portions of an extraction, cells of a sweep."""
