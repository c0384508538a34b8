"""Parts for egoexobench; each module holds one kind, and `pyproject.toml` names the modules."""
