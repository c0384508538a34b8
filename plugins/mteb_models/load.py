"""Loads a model of mteb: its stated revision, none of its own code, nothing but tensors."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch

from egoexobench.errors import DataError, EgoExoBenchError, format_exception_line
from egoexobench.toolbox.hub import HUB_TIMEOUT_S, FileUnavailableError
from egoexobench_plugins.mteb_models.model_metadata import quiet_mteb

_COMMIT = re.compile(r"[0-9a-f]{40}")
_VARIABLES = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "MTEB_AUTO_INSTALL_EXTRAS": "0"}
"""`torch.load` reads tensors alone and runs no code of a file; mteb installs nothing."""


def load_model(metadata: Any, device: str) -> Any:
    """Return the model of mteb's metadata on a device, ready to encode.

    Raises:
        FileUnavailableError: in one line, if its files are not here and cannot be downloaded.
        DataError: if it needs code of its own, libraries that are missing, or is damaged.
    """
    _check_available(metadata)
    with safe_model(metadata.name), torch.random.fork_rng(devices=[]):
        return metadata.load_model(device=device)


@contextmanager
def safe_model(name: str) -> Iterator[None]:
    """Let a model of mteb run none of its own code and print nothing; its errors are one line.

    Raises:
        DataError: for any error of the model.
    """
    from transformers import dynamic_module_utils

    def refuse(*_: Any, **__: Any) -> None:
        raise DataError(
            f"model={name} needs Python code of its repository (trust_remote_code), which is never "
            "run here"
        )

    library: Any = dynamic_module_utils
    get_file = library.get_cached_module_file
    library.get_cached_module_file = refuse
    try:
        with quiet_mteb(), _set_variables(_VARIABLES):
            yield
    except EgoExoBenchError:
        raise
    except Exception as error:  # a wrapper of mteb may fail in any way
        raise DataError(f"mteb cannot run model={name}: {format_exception_line(error)}") from error
    finally:
        library.get_cached_module_file = get_file


@contextmanager
def _set_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment and set them back."""
    earlier = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _check_available(metadata: Any) -> None:
    """Check with one request that the files of a model can be downloaded, if they are not here.

    The hub's client alone would try for half a minute without a network.
    """
    from huggingface_hub import constants

    name, revision = str(metadata.name), str(metadata.revision)
    if not _COMMIT.fullmatch(revision):
        return  # a baseline of mteb, which has no files
    folder = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}")
    if any(folder.glob(f"snapshots/{revision}/*")):
        return
    url = f"{constants.ENDPOINT}/api/models/{name}/revision/{revision}"
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        urlopen(Request(url, headers=headers), timeout=HUB_TIMEOUT_S).close()  # noqa: S310
    except HTTPError as error:
        page = f"{constants.ENDPOINT}/{name}"
        raise FileUnavailableError(
            f"model={name}: the hub answers {error.code} for commit {revision[:7]}; see {page}, "
            "and set HF_TOKEN if it is gated"
        ) from error
    except OSError as error:
        raise FileUnavailableError(
            f"model={name}@{revision[:7]} is not on this machine and cannot be downloaded "
            f"({format_exception_line(error)}): run once where there is a network, and copy "
            f"{constants.HF_HUB_CACHE}"
        ) from error
