"""Questions with 20 candidates, from the table of the clips."""

import csv
import json
import random
from pathlib import Path

rows = list(csv.DictReader(Path("clips/clips.csv").open()))
test = [row for row in rows if row["split"] == "test"]
media = {(row["pair"], row["view"]): row["media"] for row in test}
pairs = sorted({pair for pair, _ in media})
rng = random.Random(0)
with Path("questions.jsonl").open("w") as file:
    for pair in pairs:
        candidates = [pair, *rng.sample([other for other in pairs if other != pair], 19)]
        rng.shuffle(candidates)
        question = {
            "source": media[pair, "ego"],
            "candidates": [media[other, "exo"] for other in candidates],
            "answer": "ABCDEFGHIJKLMNOPQRST"[candidates.index(pair)],
        }
        file.write(json.dumps(question) + "\n")
