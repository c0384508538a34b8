import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from egoexobench.encode.bank import Bank
from egoexobench.encode.store import Item, Store
from egoexobench.errors import DataError

SIGNATURE = {"encoder": "abc", "frames": 8}


def items(count: int, seed: int = 0) -> list[Item]:
    rng = np.random.default_rng(seed)
    return [Item(rng.random((1 + i % 4, 5), np.float32), "heard") for i in range(count)]


def test_what_is_put_is_read_back_by_another_store(tmp_path: Path) -> None:
    made = items(7)
    Store(tmp_path, SIGNATURE).put(list("abcdefg"), made)
    again = Store(tmp_path, SIGNATURE)
    for key, item in zip("abcdefg", made, strict=True):
        assert np.array_equal(again[key].rows, item.rows)
    assert "h" not in again


def test_a_missing_source_is_kept_apart_from_zeros(tmp_path: Path) -> None:
    empty = Item(np.zeros((0, 1), np.float32), "no track")
    Store(tmp_path, SIGNATURE).put(["a", "b"], [empty, items(1)[0]])
    again = Store(tmp_path, SIGNATURE)
    assert (len(again["a"].rows), again["a"].state) == (0, "no track")
    assert len(again["b"].rows) == 1
    only = Store(tmp_path, {"other": 1})
    only.put(["a"], [empty])
    assert Store(tmp_path, {"other": 1})["a"].state == "no track"


def test_another_signature_is_another_folder(tmp_path: Path) -> None:
    Store(tmp_path, SIGNATURE).put(["a"], items(1))
    assert "a" not in Store(tmp_path, SIGNATURE | {"frames": 4})


def test_a_truncated_shard_is_an_error_that_names_it(tmp_path: Path) -> None:
    store = Store(tmp_path, SIGNATURE)
    store.put(["a", "b"], items(2))
    (shard,) = store.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-4])
    with pytest.raises(DataError, match=shard.name):
        Store(tmp_path, SIGNATURE)


def test_a_writer_that_is_killed_loses_no_committed_shard(tmp_path: Path) -> None:
    code = f"""
        import numpy as np
        from pathlib import Path
        from egoexobench.encode.store import Item, Store
        store = Store(Path({str(tmp_path)!r}), {SIGNATURE!r})
        for i in range(10_000):
            store.put([f"{{i}}-{{j}}" for j in range(8)],
                      [Item(np.full((16, 64), i + 1, np.float32), "heard")] * 8)
            print(i, flush=True)
    """
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(5):
            committed = int(writer.stdout.readline())
        time.sleep(0.003)
        writer.kill()
        writer.wait()
        store = Store(tmp_path, SIGNATURE)
        for i in range(committed + 1):
            for j in range(8):
                assert (store[f"{i}-{j}"].rows == i + 1).all()


def test_a_batch_is_padded_with_masked_rows(tmp_path: Path) -> None:
    made = items(4)
    bank = Bank(list("abcd"), made)
    batch = bank.batch(["d", "a"])
    assert batch.values.shape == (2, 4, 5)
    assert batch.mask.tolist() == [[True] * 4, [True, False, False, False]]
    assert np.array_equal(batch.values[0].numpy(), made[3].rows)
    assert np.array_equal(batch.values[1, :1].numpy(), made[0].rows)


def test_an_item_without_rows_gives_a_masked_row() -> None:
    bank = Bank(["a", "b"], [Item(np.zeros((0, 1), np.float32), "silent"), items(1)[0]])
    assert not bank.present("a")
    assert bank.batch(["a"]).mask.tolist() == [[False]]
    assert bank.batch(["a"]).values.shape == (1, 1, 5)


def test_moments_are_those_of_the_real_rows() -> None:
    made = items(6)
    bank = Bank(list("abcdef"), made)
    mean, deviation = bank.moments(list("abc"))
    rows = np.concatenate([item.rows for item in made[:3]])
    assert np.allclose(mean.numpy(), rows.mean(0))
    assert np.allclose(deviation.numpy(), rows.std(0, ddof=1))
