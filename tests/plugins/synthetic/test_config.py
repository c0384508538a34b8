from pathlib import Path

import pytest
from tiny_config import make_config

from egoexobench.errors import UsageError
from egoexobench_plugins.synthetic import synthetic
from egoexobench_plugins.synthetic.config import hash_config, validate_config

WRONG = [
    ({"train": 10}, "train is 10"),
    ({"val": 0}, "val is 0"),
    ({"test": -4}, "test is -4"),
    ({"overlap": 1.5}, "overlap is 1.5"),
    ({"sound": -0.1}, "sound is -0.1"),
    ({"sync": float("nan")}, "sync is nan"),
    ({"seconds": 0.5}, "seconds is 0.5"),
    ({"seconds": 4.1}, "seconds is 4.1"),
    ({"fps": 0}, "fps is 0"),
    ({"pixels": 50}, "pixels is 50"),
    ({"seed": -1}, "seed is -1"),
    ({"same_events": True, "train": 2048}, "same_events is True"),
    ({"size": "huge"}, "unknown size 'huge' of dataset 'synthetic'"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_an_invalid_option_is_named_and_nothing_is_written(
    options: dict[str, int], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as error:
        synthetic(**options)  # type: ignore[arg-type]
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_every_option_changes_the_fingerprint() -> None:
    variants = [{}, {"train": 12}, {"val": 8}, {"test": 8}, {"seconds": 5.0}, {"pixels": 48}]
    variants += [{"fps": 10}, {"overlap": 0.25}, {"sound": 0.5}, {"sync": 1.0}, {"seed": 1}]
    variants += [{"same_events": True}]
    configs = [make_config(**options) for options in variants]
    for config in configs:
        validate_config(config)
    assert len({hash_config(config) for config in configs}) == len(configs)
