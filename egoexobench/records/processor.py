"""Names the processor: its kernels round in their own way, which can move the rank of a query."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_TIMEOUT = 5.0


def describe_processor() -> str | None:
    """Return model and instruction set of the processor; None if the system does not say.

    The instruction set is the one whose kernels torch uses; it is left out before torch is needed.
    """
    model = read_processor_field("model name") or _read_macos_model() or platform.processor()
    facts = [model.strip(), get_instruction_set()]
    return ", ".join(fact for fact in facts if fact) or None


def get_instruction_set() -> str:
    """Return the instruction set of the kernels of torch; empty if torch is not in use."""
    torch = sys.modules.get("torch")
    return str(torch.backends.cpu.get_cpu_capability()) if torch else ""


def read_processor_field(name: str) -> str:
    """Return a field of /proc/cpuinfo, such as ``vendor_id``; empty where there is none."""
    try:
        text = _CPU_INFO.read_text(errors="replace")
    except OSError:
        return ""
    fields = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in fields if key.strip() == name), "")


def _read_macos_model() -> str:
    if sys.platform != "darwin":
        return ""
    command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command line, no shell
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
