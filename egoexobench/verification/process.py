"""Verifies records in a fresh process into which no plug-in can reach.

What is protected: the process is started as ``python -I -S``. Python then reads no ``PYTHON*``
variable, no ``sitecustomize`` or ``usercustomize``, no ``.pth`` file and nothing of the current
folder, and it imports only this toolkit, its dependencies and the standard library. The process
never creates the registry, so no entry point is loaded; those of torch and of pydantic are switched
off. A plug-in that replaces a function of the toolkit in the process of `run` changes nothing here.

What is not protected: files. Whoever can edit the installed toolkit, a dependency or Python itself
can make it say anything, and so can code that runs in the process that calls
:func:`verify_bundles`. The command `egoexobench verify` loads no plug-in. For a record of a
stranger, verify in an environment of your own.
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from egoexobench.errors import DataError
from egoexobench.verification.result import Verification

_START = "import sys, json; sys.path += json.loads(sys.argv[1]); "
_MAIN = "from egoexobench.verification.child import verify_standard_input; verify_standard_input()"
_VARIABLES = {
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "OMP_NUM_THREADS": "1",
}
"""No plug-in of torch or pydantic, and sums in one order."""


def verify_bundles(
    paths: Sequence[Path], *, timeout_s: float | None = None
) -> tuple[Verification, ...]:
    """Verify records, in the order of their paths, in one fresh process without plug-ins.

    Args:
        paths: files of records; the files that they name lie beside them.
        timeout_s: after how long the process is ended, s; None for never.

    Raises:
        DataError: if the process cannot be started, or ends before it has answered.
    """
    if not paths:
        return ()
    command = [sys.executable, "-I", "-S", "-c", _START + _MAIN, json.dumps(_list_folders())]
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            command,
            input=json.dumps([str(path.absolute()) for path in paths]),
            env=os.environ | _VARIABLES,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"the process that verifies did not end within {timeout_s:g} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it printed nothing"]
        raise DataError(
            f"the process that verifies ended with exit code {done.returncode}: {lines[-1]}"
        )
    return tuple(
        Verification(path, tuple(differences), tuple(skipped))
        for path, (_, differences, skipped) in zip(paths, json.loads(done.stdout), strict=True)
    )


def _list_folders() -> list[str]:
    """Return the folders of the toolkit and of its dependencies, in the order of imports."""
    folders = [str(Path(__file__).resolve().parents[2]), *site.getsitepackages()]
    return [*folders, site.getusersitepackages()] if site.ENABLE_USER_SITE else folders
