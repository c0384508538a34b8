"""Recomputes what a record says, from the files beside it, in a process without plug-ins."""
