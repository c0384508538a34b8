"""Train a method on a data set, score it and describe the result."""
