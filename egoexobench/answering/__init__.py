"""Asks an answerer the questions of a data set, and stores its answers one by one."""
