"""Old names of :mod:`egoexobench.protocols`. They still work; each use warns with the new name."""

import warnings

from egoexobench import protocols

RENAMED = {
    "Alignable": "HasTemporalAlignment",
    "AnchorNeed": "AnchorInput",
    "Classified": "HasLabelSpace",
    "Incomplete": "HasMissingFiles",
    "Located": "HasRowLocations",
    "Picturing": "HasResolution",
    "Published": "HasListVersions",
    "Surveyed": "HasAnnotationIssues",
}


def __getattr__(name: str) -> object:
    new = RENAMED.get(name, name)
    value: object = getattr(protocols, new)
    warnings.warn(
        f"egoexobench.interfaces.{name} is deprecated: use egoexobench.protocols.{new}",
        FutureWarning,
        stacklevel=2,
    )
    return value
