"""Weights by name: ``hub:ORG/NAME/FILE`` is a file of a repository of the Hugging Face hub.

The hub's own client keeps what it fetched once, and looks for tokens and mirrors where its manual
says. open_clip's registry points into the same hub, so its weights have such names too: CLIP's
ViT-B/16 of OpenAI is ``hub:timm/vit_base_patch16_clip_224.openai/open_clip_model.safetensors``.
"""

from __future__ import annotations

from pathlib import Path
from typing import final
from urllib.request import Request, urlopen

from egoexobench import wheels
from egoexobench.errors import DataError, UsageError

MARK = "hub:"
PATIENCE = 5
"""Seconds to wait for the hub."""


@final
class AbsentError(DataError):
    """A file that is needed beside the weights is not here, which says nothing about them."""


def local(weights: Path) -> Path:
    """The file that an option ``weights`` names, fetched if it is one of the hub's.

    Raises:
        UsageError: for a name of the hub that has no file in it.
        AbsentError: for one that is not kept here and cannot be fetched.
    """
    text = weights.as_posix()
    if not text.startswith(MARK):
        return weights
    organisation, _, rest = text.removeprefix(MARK).partition("/")
    name, _, file = rest.partition("/")
    if not (organisation and name and file):
        raise UsageError(f"weights {text!r} name no file; write {MARK}ORG/NAME/FILE")
    return fetched(f"{organisation}/{name}", file, "weights=PATH")


def fetched(repository: str, file: str, instead: str) -> Path:
    """A file of the hub: the one that its client keeps, or else fetched now.

    Args:
        repository: ``ORG/NAME``.
        file: path inside it.
        instead: what a user writes who saved the file by hand.

    Raises:
        UsageError: if the hub can have no such repository.
        AbsentError: in one line that says what to put where.
    """
    wheels.load_both()
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    address = ""
    try:
        if isinstance(kept := try_to_load_from_cache(repository, file), str):
            return Path(kept)
        address = hf_hub_url(repository, file)
        # asked once: the hub's own client tries for half a minute where there is no network
        urlopen(Request(address, method="HEAD"), timeout=PATIENCE).close()  # noqa: S310
        return Path(hf_hub_download(repository, file))
    except HFValidationError as error:
        raise UsageError(f"{repository!r} is no repository of the Hugging Face hub") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise AbsentError(
            f"{repository}/{file} is not kept here and the Hugging Face hub does not give it "
            f"({_line(error)}): save {address} and write {instead}"
        ) from error


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
