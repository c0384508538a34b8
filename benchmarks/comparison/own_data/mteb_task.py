"""A model by name on own clips: a task of its own, which mteb decodes with torchcodec."""

import csv
from pathlib import Path

import mteb
from datasets import Dataset, Video
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata


class EgoToExo(AbsTaskRetrieval):
    metadata = TaskMetadata(
        name="EgoToExo",
        description="Which third-person clip shows what a first-person clip shows?",
        dataset={"path": "clips", "revision": "1"},
        type="Any2AnyRetrieval",
        category="v2v",
        modalities=["video"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="hit_rate_at_1",
    )

    def load_data(self, num_proc=None, **kwargs):
        rows = list(csv.DictReader(Path("clips/clips.csv").open()))
        pairs = [row["pair"] for row in rows if row["split"] == "test" and row["view"] == "ego"]
        sides = [[f"{pair}/{view}" for pair in pairs] for view in ("ego", "exo")]
        files = {f"{row['pair']}/{row['view']}": f"clips/{row['media']}" for row in rows}
        queries, corpus = (
            Dataset.from_dict({"id": ids, "video": [files[name] for name in ids]}).cast_column(
                "video", Video()
            )
            for ids in sides
        )
        relevant = {ego: {exo: 1} for ego, exo in zip(*sides, strict=True)}
        split = {"queries": queries, "corpus": corpus, "relevant_docs": relevant}
        self.dataset = {"default": {"test": split | {"top_ranked": None}}}
        self.data_loaded = True


model = mteb.get_model("mteb/baseline-random-encoder")
scores = mteb.evaluate(model, EgoToExo(), cache=None).task_results[0].scores["test"][0]
for k in (1, 5, 10):
    print(f"hit_rate_at_{k} {100 * scores[f'hit_rate_at_{k}']:.1f}")
