"""The only ruler: tasks, tracks, ranks, metrics and intervals."""
