"""A model by name on the clips of a table: decoding, encoding and pairing are up to the user."""

import csv
from pathlib import Path

import av
import numpy as np
import torch
from torchmetrics.retrieval import RetrievalHitRate
from transformers import AutoModel, AutoVideoProcessor

NAME = "MCG-NJU/videomae-base"
processor = AutoVideoProcessor.from_pretrained(NAME)
model = AutoModel.from_pretrained(NAME).eval()


def embed(path):
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    indices = np.linspace(0, len(frames) - 1, model.config.num_frames).round().astype(int)
    inputs = processor(videos=[np.stack(frames)[indices]], return_tensors="pt")
    with torch.inference_mode():
        return model(**inputs).last_hidden_state.mean(1)[0]


rows = list(csv.DictReader(Path("clips/clips.csv").open()))
test = [row for row in rows if row["split"] == "test"]
vectors = {(row["pair"], row["view"]): embed(Path("clips") / row["media"]) for row in test}
pairs = sorted({pair for pair, _ in vectors})
queries = torch.stack([vectors[pair, "ego"] for pair in pairs])
candidates = torch.stack([vectors[pair, "exo"] for pair in pairs])
scores = torch.nn.functional.cosine_similarity(queries[:, None], candidates[None], dim=-1)
indexes = torch.arange(len(pairs))[:, None].expand_as(scores)
target = torch.eye(len(pairs), dtype=torch.bool)
for k in (1, 5, 10):
    rate = RetrievalHitRate(top_k=k)(scores.flatten(), target.flatten(), indexes.flatten())
    print(f"hit_rate_at_{k} {100 * rate:.1f}")
