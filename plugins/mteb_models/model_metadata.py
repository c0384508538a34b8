"""What mteb says about a model: its modalities, its revision, and whether it can be used here."""

from __future__ import annotations

import difflib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from egoexobench.errors import UsageError
from egoexobench.types import Similarity


def import_mteb() -> Any:
    """Return the library.

    Raises:
        UsageError: if it is not of version 2.
    """
    with quiet_mteb():
        import mteb
    version = str(mteb.__version__)
    if not version.startswith("2."):
        raise UsageError(
            f"mteb {version} is installed; models of mteb need 2.x: pip install 'egoexobench[mteb]'"
        )
    return mteb


@contextmanager
def quiet_mteb() -> Iterator[None]:
    """Let mteb print neither warnings nor progress bars: a run has bars of its own."""
    from functools import partialmethod

    from tqdm import tqdm

    bar: Any = tqdm
    logger = logging.getLogger("mteb")
    level, create_bar = logger.level, bar.__init__
    logger.setLevel(logging.ERROR)
    bar.__init__ = partialmethod(create_bar, disable=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        bar.__init__ = create_bar
        logger.setLevel(level)


def find_model(name: str, revision: str | None = None) -> Any:
    """Return mteb's metadata of a model.

    Args:
        name: of the model.
        revision: what mteb must state for it; None is any.

    Raises:
        UsageError: for a model that mteb does not list, of another revision, or that cannot be
            used here.
    """
    mteb = import_mteb()
    names = {metadata.name for metadata in mteb.get_model_metas()}
    with quiet_mteb():
        try:
            metadata = mteb.get_model_meta(name)
        except KeyError:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"model={name}: mteb {mteb.__version__} has no model of this name{hint} Its models "
                'for video: python -c "import mteb; print([m.name for m in '
                "mteb.get_model_metas(modalities=['video'])])\""
            ) from None
    if revision is not None and revision != metadata.revision:
        raise UsageError(
            f"model={name}: mteb {mteb.__version__} runs revision {metadata.revision} and not "
            f"{revision}; install the version of mteb that the record names"
        )
    if metadata.open_weights is False:
        raise UsageError(
            f"model={name} is a service on the network: clips are not sent there, and nothing "
            "would say what computed the embeddings"
        )
    if "dense" not in metadata.model_type:
        kinds = ", ".join(metadata.model_type)
        raise UsageError(f"model={name} is {kinds}; only a dense model gives one vector of a clip")
    return metadata


def check_modality(metadata: Any, evidence: Literal["video", "audio", "text"]) -> None:
    """Check that a model reads a modality.

    Raises:
        UsageError: with what it reads.
    """
    if evidence not in metadata.modalities:
        modalities = [name for name in ("video", "audio") if name in metadata.modalities]
        hint = f"; write evidence={modalities[0]}" if modalities and evidence != "text" else ""
        raise UsageError(
            f"model={metadata.name} reads {', '.join(metadata.modalities)} and not {evidence}{hint}"
        )


def get_similarity(metadata: Any) -> Similarity:
    """Return how embeddings of a model are compared.

    Raises:
        UsageError: for a similarity that does not exist here.
    """
    function = metadata.similarity_fn_name
    name = getattr(function, "value", function) or "cosine"
    if name == "cosine":
        return "cosine"
    if name == "dot":
        return "dot"
    raise UsageError(f"model={metadata.name} compares by {name}; here by cosine or dot")
