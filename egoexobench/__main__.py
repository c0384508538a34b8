"""`python -m egoexobench`."""

from egoexobench.cli import main

main(prog_name="egoexobench")
