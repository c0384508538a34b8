"""The configuration of a run of a method that cheats."""

from pathlib import Path

from egoexobench.experiment.config import RunConfig
from egoexobench.spec import Spec


def make_config(folder: Path, settings: dict[str, str], dataset: str = "") -> RunConfig:
    """A configuration; the word FOLDER in a setting is replaced by the folder."""
    settings = {name: text.replace("FOLDER", str(folder)) for name, text in settings.items()}
    spec = Spec.parse(dataset) if dataset else Spec("folder", {"path": str(folder)})
    return RunConfig(Spec("untrained"), spec, overrides=settings)
