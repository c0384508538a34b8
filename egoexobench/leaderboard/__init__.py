"""Leaderboards: the numbers of papers beside the records of runs, never mixed."""
