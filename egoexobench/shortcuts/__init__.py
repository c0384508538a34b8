"""Scores that need no method: what duration, loudness, labels or texts alone give."""
