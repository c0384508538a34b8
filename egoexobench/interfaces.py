"""Old names of :mod:`egoexobench.protocols`. They still work; each use warns with the new name."""

from egoexobench import protocols
from egoexobench.errors import get_renamed

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
    return get_renamed(name, RENAMED, old=__name__, new=protocols)
