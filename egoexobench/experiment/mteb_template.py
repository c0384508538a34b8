"""The files of an exported folder that are the same for every data set."""

README_TEXT = """\
# Tracks of egoexobench as tasks of mteb

```python
import mteb
from tasks import load_tasks  # tasks.py of this folder

model = mteb.get_model("microsoft/xclip-base-patch32")
print(mteb.evaluate(model, load_tasks("video"), cache=None).to_dataframe())
```

`load_tasks("audio")` asks the same with sound, `load_tasks("video,audio")` with both. The main
score is `hit_rate_at_1`. A task with the subsets `ego` and `exo` has one for the queries of each
view; its score is the mean of both. `recall_at_1` of mteb is not a hit rate if a query has several
positives.
"""

TASKS_MODULE = '''\
"""Tasks of mteb 2.x, written by `egoexobench data export --format mteb`.

    mteb.evaluate(model, load_tasks("video"))
"""

import json
from pathlib import Path

from datasets import Audio, Video
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

FOLDER = Path(__file__).resolve().parent
COLUMNS = {"video": Video(), "audio": Audio()}


class ClipRetrieval(AbsTaskRetrieval):
    """Retrieval of clips or texts; the metadata say which."""

    def dataset_transform(self, num_proc=None, **_):
        """Make paths of media absolute, and let mteb decode the columns that the task needs."""
        for subset in self.dataset.values():
            for split in subset.values():
                for side in ("queries", "corpus"):
                    split[side] = open_media(split[side], self.metadata.modalities)


def open_media(rows, modalities):
    """Return a side of a task with media in the columns of some modalities."""
    for name, feature in COLUMNS.items():
        if name in rows.column_names:
            if name not in modalities:
                rows = rows.remove_columns(name)
                continue
            paths = [path and str(FOLDER / path) for path in rows[name]]
            rows = rows.remove_columns(name).add_column(name, paths).cast_column(name, feature)
    return rows


def load_tasks(evidence="video"):
    """Return every task, with "video", "audio" or "video,audio" as what is seen of a clip."""
    kinds = evidence.split(",")
    letters = "".join(kind[0] for kind in COLUMNS if kind in kinds)
    if not letters or set(kinds) - set(COLUMNS):
        raise ValueError(f"evidence={evidence!r}; write video, audio or video,audio")
    fields = json.loads((FOLDER / "tasks.json").read_text(encoding="utf-8"))
    return [make_task(field, letters) for field in fields]


def make_task(fields, letters):
    """Return a task whose clips are seen as video (v), audio (a) or both (va)."""
    sides = ["t" if fields[side] else letters for side in ("query_is_text", "candidate_is_text")]
    names = {"t": "text", "v": "video", "a": "audio"}
    used = [name for letter, name in names.items() if letter in "".join(sides)]
    languages = ["eng-Latn"]
    subsets = fields["subsets"]
    metadata = TaskMetadata(
        name=f"{fields['name']}-{letters}",
        description=f"egoexobench: {fields['description']}.",
        dataset={"path": str(FOLDER / fields["folder"]), "revision": fields["revision"]},
        type="Any2AnyReranking" if fields["is_reranking"] else "Any2AnyRetrieval",
        category="2".join(sides),
        modalities=used,
        eval_splits=["test"],
        eval_langs={name: languages for name in subsets} if subsets else languages,
        main_score="hit_rate_at_1",
        prompt={"query": fields["prompt"]},
    )
    return type("ClipRetrieval", (ClipRetrieval,), {"metadata": metadata})()
'''
