"""The contract of each kind of part, as checks that a plug-in's own tests can call.

Each check raises `AssertionError` with one line that says what is wrong, whatever is wrong. Call it
in a test: ``check_encoder(my_encoder())``. Encoders, fusions, anchors, captioners and answerers
compute every row alone, in another order and, where there is padding, padded; the line says which
of the three changed a row.
"""

from egoexobench.testing.anchor import check_anchor
from egoexobench.testing.answerer import check_answerer
from egoexobench.testing.captioner import check_captioner
from egoexobench.testing.dataset import check_dataset
from egoexobench.testing.encoder import check_encoder
from egoexobench.testing.example_clip import write_example_clip
from egoexobench.testing.fusion import check_fusion
from egoexobench.testing.launcher import check_launcher
from egoexobench.testing.method import check_method
from egoexobench.testing.objective import check_objective
from egoexobench.testing.part import check_part
from egoexobench.testing.scorer import check_scorer
from egoexobench.testing.tracker import check_tracker

__all__ = [
    "check_anchor",
    "check_answerer",
    "check_captioner",
    "check_dataset",
    "check_encoder",
    "check_fusion",
    "check_launcher",
    "check_method",
    "check_objective",
    "check_part",
    "check_scorer",
    "check_tracker",
    "write_example_clip",
]
