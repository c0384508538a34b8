"""Metrics as other projects compute them, quirks and all; nothing of ours is scored with them.

They prove that what a paper printed can be reproduced, and show what its rules do to a number:
each function is named after its reference and compared with it to the last digit.
"""
