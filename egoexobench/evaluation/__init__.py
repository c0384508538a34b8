"""Metrics of a track: ranks, hit rates, recognition scores, intervals and tests of differences."""
