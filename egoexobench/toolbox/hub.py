"""Weights by name: ``hub:ORG/NAME/FILE`` is a file of a repository of the Hugging Face hub.

The hub's own client caches what it downloads, and looks for tokens and mirrors where its manual
says. open_clip's registry points into the same hub, so its weights have such names too: CLIP's
ViT-B/16 of OpenAI is ``hub:timm/vit_base_patch16_clip_224.openai/open_clip_model.safetensors``.
"""

from __future__ import annotations

from pathlib import Path
from typing import final
from urllib.request import Request, urlopen

from egoexobench.errors import DataError, UsageError

HUB_PREFIX = "hub:"
HUB_TIMEOUT_S = 5


@final
class FileUnavailableError(DataError):
    """A file that is needed beside the weights is missing; the weights may still be right."""


def resolve_weights(weights: Path) -> Path:
    """Return the file that an option ``weights`` names; a file of the hub is downloaded.

    Raises:
        UsageError: for a name of the hub without a file in it.
        FileUnavailableError: for one that is not in the cache and cannot be downloaded.
    """
    if not weights.as_posix().startswith(HUB_PREFIX):
        return weights
    repository, file = _split_hub_name(weights.as_posix())
    return download(repository, file, "weights=PATH")


def find_local_weights(weights: Path) -> Path | None:
    """Return the file that an option names, without a download; None if the hub must send it.

    Raises:
        UsageError: for a name of the hub without a file in it.
    """
    if not weights.as_posix().startswith(HUB_PREFIX):
        return weights
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(*_split_hub_name(weights.as_posix()))
    return Path(cached) if isinstance(cached, str) else None


def _split_hub_name(text: str) -> tuple[str, str]:
    organization, _, remaining = text.removeprefix(HUB_PREFIX).partition("/")
    name, _, file = remaining.partition("/")
    if not (organization and name and file):
        raise UsageError(f"weights {text!r} name no file; write {HUB_PREFIX}ORG/NAME/FILE")
    return f"{organization}/{name}", file


def download(repository: str, file: str, alternative: str) -> Path:
    """Return a file of the hub: from the cache of its client, or downloaded now.

    Args:
        repository: ``ORG/NAME``.
        file: path inside it.
        alternative: what users write who saved the file by hand.

    Raises:
        UsageError: if the hub can have no such repository.
        FileUnavailableError: in one line that says which file to put where.
    """
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    url = ""
    try:
        if isinstance(cached := try_to_load_from_cache(repository, file), str):
            return Path(cached)
        url = hf_hub_url(repository, file)
        # one request of our own: the hub's client retries for half a minute without a network
        urlopen(Request(url, method="HEAD"), timeout=HUB_TIMEOUT_S).close()  # noqa: S310
        return Path(hf_hub_download(repository, file))
    except HFValidationError as error:
        raise UsageError(f"{repository!r} is no repository of the Hugging Face hub") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise FileUnavailableError(
            f"{repository}/{file} is not in the cache of the Hugging Face client and cannot be "
            f"downloaded ({_get_first_line(error)}): save {url} and write {alternative}"
        ) from error


def _get_first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
