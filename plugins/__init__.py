"""Plug-ins of the toolkit itself: every module or folder here is one, through the public door."""
