"""torch's AdamW without torch's compiler."""

from __future__ import annotations

from inspect import unwrap
from typing import final

import torch


@final
class UncompiledAdamW(torch.optim.AdamW):
    """`torch.optim.AdamW`, equal in every number, that does not import ``torch._dynamo``.

    torch wraps these methods for the case that ``torch.compile`` traces them, and each wrapper
    imports the compiler at its first call: about 800 modules and a second of processor time. The
    harness never compiles an optimizer, so it takes the methods inside the wrappers.
    """

    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
