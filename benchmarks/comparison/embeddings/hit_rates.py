"""Hit rates of vectors in a file; the pairs come from the table of the clips."""

import csv
from pathlib import Path

import numpy as np
import torch
from torchmetrics.retrieval import RetrievalHitRate

file = np.load("vectors.npz")
vectors = dict(zip(file["videos_ids"].tolist(), torch.tensor(file["videos"]), strict=True))
rows = list(csv.DictReader(Path("clips/clips.csv").open()))
pairs = [row["pair"] for row in rows if row["split"] == "test" and row["view"] == "ego"]
queries = torch.stack([vectors[f"{pair}/ego"] for pair in pairs])
candidates = torch.stack([vectors[f"{pair}/exo"] for pair in pairs])
scores = torch.nn.functional.cosine_similarity(queries[:, None], candidates[None], dim=-1)
indexes = torch.arange(len(pairs))[:, None].expand_as(scores)
target = torch.eye(len(pairs), dtype=torch.bool)
for k in (1, 5, 10):
    rate = RetrievalHitRate(top_k=k)(scores.flatten(), target.flatten(), indexes.flatten())
    print(f"hit_rate_at_{k} {100 * rate:.1f}")
