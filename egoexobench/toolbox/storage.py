"""Hashes, the cache folder, and files that are written completely or not at all."""

from egoexobench.files import atomic_path, cache_dir, write_text_atomic
from egoexobench.hashing import hash_json

__all__ = ["atomic_path", "cache_dir", "hash_json", "write_text_atomic"]
