"""Write sound captions of narrations, with a cache and the removal of frequent concepts."""
