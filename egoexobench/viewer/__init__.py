"""Serves a site to the browser of its user, on this machine only and with its media."""
