"""The Python face of the toolkit; ``import egoexobench as ee`` gives all of it."""
