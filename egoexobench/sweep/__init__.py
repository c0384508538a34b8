"""Sweeps: a grid of runs as data, run where it is not recorded yet, laid out as a paper's table."""
