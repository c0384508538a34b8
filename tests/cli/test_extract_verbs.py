"""`extract`, `merge` and `embed` as a person meets them."""

import json
import shutil
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from studio import film

from egoexobench.cli import main
from egoexobench.features import encode_clips
from egoexobench.features.embeddings_file import read_embeddings

FAST = ("--set", "epochs=1", "--set", "embed_dim=16")
ENCODERS = ("--encoder", "color-grid", "--encoder", "logmel", "--encoder", "random-word-vectors")


class Bench:
    """The command line with a cache of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str) -> SimpleNamespace:
        environment = {"EGOEXOBENCH_CACHE": str(self.home / "cache"), "COLUMNS": "100"}
        with chdir(self.home):
            done = CliRunner().invoke(main, arguments, env=environment)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)

    def stored(self) -> set[str]:
        root = self.home / "cache" / "tokens"
        return {str(path.relative_to(root)) for path in root.rglob("*.safetensors")}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def shut(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object, **__: object) -> None:
        raise AssertionError("a clip was decoded")

    monkeypatch.setattr(encode_clips, "decode_clip", decode)


def test_a_run_decodes_nothing_of_what_was_extracted(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = bench("extract", f"folder:path={folder}", *ENCODERS)
    assert done.returncode == 0, done.stderr
    assert "color-grid: 32 of 32 stored (32 decoded)" in done.stdout
    assert "logmel: 32 of 32 stored (32 audible)" in done.stdout
    assert "random-word-vectors: 48 of 48 stored (48 read)" in done.stdout
    before = bench.stored()

    def decode(*_: object, **__: object) -> None:
        raise AssertionError("a clip was decoded")

    monkeypatch.setattr(encode_clips, "decode_clip", decode)
    dataset = ("--dataset", f"folder:path={folder}")
    run = bench("run", "--method", "soundbridge", *dataset, *FAST, "--task", "eg2ex")
    assert run.returncode == 0, run.stderr
    assert {Path(one).parent for one in bench.stored()} == {Path(one).parent for one in before}


def test_shards_of_two_machines_are_merged_into_the_cache(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = f"folder:path={folder}"
    for i in (1, 2):
        done = bench("extract", dataset, *ENCODERS, "--shard", f"{i}/2", "--out", f"m{i}")
        assert done.returncode == 0, done.stderr
    lacking = bench("merge", "m2")
    assert lacking.returncode == 1
    assert "shard 1/2 is missing" in lacking.stderr
    assert bench("merge", "m1", "m2").returncode == 0
    monkeypatch.setattr(
        encode_clips, "decode_clip", lambda *_, **__: pytest.fail("a clip was decoded")
    )
    again = bench("extract", dataset, *ENCODERS)
    assert "color-grid: 32 of 32 stored" in again.stdout


def test_clips_that_cannot_be_encoded_are_named_and_the_exit_code_says_so(
    bench: Bench, folder: Path
) -> None:
    own = bench.home / "clips"
    shutil.copytree(folder, own)
    (own / "b-exo.mp4").write_bytes(b"no film" * 99)
    film(own / "c-ego.mp4", seconds=1.0)
    done = bench("extract", f"folder:path={own}", "--encoder", "color-grid", "--encoder", "logmel")
    assert done.returncode == 1
    assert "logmel: 31 of 32 stored (30 audible, 1 no_track)" in done.stdout
    assert "1 clips have no features" in done.stderr
    assert "b/exo: " in done.stderr


def test_half_precision_rows_are_stored_apart_and_take_half_the_room(
    bench: Bench, folder: Path
) -> None:
    sizes = []
    for dtype in ("fp32", "fp16"):
        before = bench.stored() if sizes else set()
        bench("extract", f"folder:path={folder}", "--encoder", "color-grid", "--dtype", dtype)
        root = bench.home / "cache" / "tokens"
        sizes.append(sum((root / one).stat().st_size for one in bench.stored() - before))
    assert 0.45 < sizes[1] / sizes[0] < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--encoder", "color-grit"], "Did you mean 'color-grid'"),
        (["--encoder", "color-grid", "--shard", "3/2"], "is not valid: write i/n"),
        (["--encoder", "color-grid", "--sampling", "egoexolern"], "Did you mean 'egoexolearn'"),
        (
            ["--encoder", "color-grid", "--encoder", "logmel", "--import-beats", "x"],
            "one --encoder",
        ),
        (["--encoder", "color-grid", "--import-beats", "."], "frozen audio encoder"),
        (["--encoder", "color-grid", "--device", "abacus"], "abacus"),
        ([], "--encoder"),
    ],
)
def test_a_wrong_word_exits_with_2(
    bench: Bench, folder: Path, arguments: list[str], message: str
) -> None:
    done = bench("extract", f"folder:path={folder}", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_features_of_soundbridge_s_authors_stand_for_an_encoder_s_own(
    bench: Bench, folder: Path, shut: None
) -> None:
    features = bench.home / "features"
    features.mkdir()
    spec = "logmel:mels=16"
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("*.mp4")):
        rows = torch.from_numpy(rng.random((1, 5, 16), np.float32))
        torch.save(rows, features / f"{path.stem}_0-2.pt")
    (features / "a-ego_0-2.pt").unlink()
    told = ("extract", f"folder:path={folder}", "--encoder", spec)
    done = bench(*told, "--import-beats", str(features))
    assert done.returncode == 1
    assert f"{spec}: 31 of 32 stored (31 audible)" in done.stdout
    assert "a/ego: a-ego_0-2.pt is missing" in done.stderr
    assert "random weights" not in done.stderr  # this encoder has none


def test_that_random_weights_would_fill_the_gaps_between_features_is_told(
    bench: Bench, folder: Path, shut: None
) -> None:
    (bench.home / "features").mkdir()
    told = ("extract", f"folder:path={folder}", "--encoder", "beats:size=tiny")
    done = bench(*told, "--import-beats", str(bench.home / "features"))
    assert done.returncode == 1
    assert "beats:size=tiny has random weights" in done.stderr


def test_embed_writes_the_embeddings_of_a_split_with_their_ids(bench: Bench, folder: Path) -> None:
    told = ("embed", "soundbridge", "--dataset", f"folder:path={folder}", *FAST)
    done = bench(*told, "--out", "e.safetensors")
    assert done.returncode == 0, done.stderr
    assert "videos: 8 embeddings with 16 dimensions" in done.stdout
    found = read_embeddings(bench.home / "e.safetensors")
    assert set(found["videos"].ids) == {
        f"{name}/{view}" for name in "mnop" for view in ("ego", "exo")
    }
    assert set("mnop") <= set(found["texts"].ids)
    assert torch.allclose(found["videos"].vectors.norm(dim=1), torch.ones(8), atol=1e-5)
    again = bench(*told, "--out", "e.safetensors")
    assert again.returncode == 1
    assert "already exists" in again.stderr
    wrong = bench(*told, "--out", "e.npz")
    assert wrong.returncode == 2
    assert "must end with .safetensors" in wrong.stderr


def test_a_receipt_says_what_a_store_holds(bench: Bench, folder: Path) -> None:
    bench("extract", f"folder:path={folder}", "--encoder", "color-grid", "--out", "stores")
    (receipt,) = (bench.home / "stores").glob("*/shard-*-1-of-1.json")
    assert json.loads(receipt.read_text()) == {
        "num_requested": 32,
        "states": {"decoded": 32},
        "failures": {},
    }
    (about,) = (bench.home / "stores").glob("*/signature.json")
    assert json.loads(about.read_text())["sampling"] == "egoexolearn"
