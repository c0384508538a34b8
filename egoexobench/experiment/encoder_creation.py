"""Creates an encoder, and finds out whether what it holds depends on the seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from egoexobench.features.encoder_state import hash_state
from egoexobench.models.seeding import seeded_rng
from egoexobench.protocols import AnyEncoder, HasContentHash, HasGivenFeatures

MAX_PROBE_BYTES = 2**26
"""A larger encoder is not created twice to learn whether its numbers depend on the seed."""


def create_encoder(
    create: Callable[[], AnyEncoder], seed: int, *, role: str, plugin_modules: Iterable[str]
) -> tuple[AnyEncoder, dict[str, str | int]]:
    """Create an encoder, and describe what of its state its code and options do not decide.

    The state of an encoder that draws no random numbers is decided by its code, options and files.
    Whether it draws any is seen at the global generators, and where they did not move, by a second
    encoder that is created with another seed. So tables that each processor rounds in its own way
    do not tell two machines apart.

    Args:
        create: creates the encoder.
        seed: of its random numbers.
        role: of the encoder in the method.
        plugin_modules: names of the modules of its plug-in, whose arrays count as well.
    """
    with seeded_rng(seed, f"encoder-{role}") as has_drawn:
        encoder = create()
        is_random = has_drawn()
    if isinstance(encoder, HasGivenFeatures):  # its arrays are what its hash is of
        return encoder, _describe_files(encoder)
    modules = frozenset(plugin_modules)
    state = hash_state(encoder, modules)
    if not is_random and state.num_bytes <= MAX_PROBE_BYTES:
        with seeded_rng(seed + 1, f"encoder-{role}"):
            is_random = hash_state(create(), modules).numbers != state.numbers
    described: dict[str, str | int] = {"tables": state.tables} if state.tables else {}
    described |= _describe_files(encoder)
    if is_random or state.num_bytes > MAX_PROBE_BYTES:
        described["numbers"] = state.numbers
    if is_random and not state.is_complete:
        described["seed"] = seed
    return encoder, described


def _describe_files(encoder: AnyEncoder) -> dict[str, str | int]:
    return {"files": encoder.content_hash} if isinstance(encoder, HasContentHash) else {}
