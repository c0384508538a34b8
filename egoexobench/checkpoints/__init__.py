"""Published checkpoints: which files methods can start from, checking one, converting one."""
