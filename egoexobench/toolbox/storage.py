"""Hashes, the cache folder, and files that are written completely or not at all."""

from egoexobench.atomic import save, whole
from egoexobench.hashing import hash_json
from egoexobench.places import cache

__all__ = ["cache", "hash_json", "save", "whole"]
