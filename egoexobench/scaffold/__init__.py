"""`egoexobench plugin new`: a distribution with a working part of each kind, to be changed."""
