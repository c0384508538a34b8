"""Published checkpoints, read as data: nothing in a weights file ever runs."""
