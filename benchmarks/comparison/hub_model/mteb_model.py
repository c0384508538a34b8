"""A model by name on a task that exists: here one that `egoexobench data export` wrote."""

import mteb
from tasks import load_tasks

model = mteb.get_model("mteb/baseline-random-encoder")
print(mteb.evaluate(model, load_tasks("video"), cache=None).to_dataframe())
