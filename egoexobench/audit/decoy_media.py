"""Gives an encoder the frames and sound of a clip while its media file is that of another clip.

An encoder that opens the media file itself, in any way, then reads the other clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from egoexobench.audit.modality_swap import derange
from egoexobench.audit.pair_changes import PairTransform
from egoexobench.data.decode import DecodedClip
from egoexobench.types import Audio, Clip, Frames, Pair

ClipDecoder = Callable[[Clip], DecodedClip]
ABSENT = ("no frames", "no sound")
"""Instead of the hashes of frames and sound that a clip does not have."""


@dataclass(frozen=True, slots=True)
class DecoyMedia:
    """The original clip by the hash of the frames and of the sound of its decoy."""

    originals: Mapping[str, Clip]
    decode: ClipDecoder

    def find_original(self, source: Frames | Audio | str) -> Frames | Audio | str:
        """Return the frames or the sound of the original clip instead of those of its decoy.

        A text is returned as it is, and so are the zeros from which the harness learns the shape
        of an input that a clip does not have.
        """
        if isinstance(source, str) or (key := hash_source(source)) not in self.originals:
            return source
        decoded = self.decode(self.originals[key])
        original = decoded.frames if isinstance(source, Frames) else decoded.audio
        assert original is not None  # noqa: S101 - `make_decoys` exchanges what both clips have
        return original


@dataclass(frozen=True, slots=True)
class Decoys:
    """Pairs with the media of other pairs, and what an encoder must get instead of these media."""

    pairs: Sequence[Pair]
    media: DecoyMedia


def make_decoys(
    pairs: Sequence[Pair], change_media: PairTransform, seed: int, decode: ClipDecoder
) -> Decoys | None:
    """Exchange the media of pairs; a pair without sound exchanges with one without sound.

    Returns:
        None if two decoys look or sound the same and their originals do not, so that they cannot
        be told apart.
    """
    by_id = {pair.id: pair for pair in pairs}
    contents = {
        clip.id: _hash_clip(decode(clip)) for pair in pairs for clip in (pair.ego, pair.exo)
    }
    origins: dict[str, str] = {}
    for group in _group_pairs(pairs, contents):
        origins |= derange(group, seed)
    originals: dict[str, Clip] = {}
    for pair in pairs:
        other = by_id[origins[pair.id]]
        for clip, decoy in ((pair.ego, other.ego), (pair.exo, other.exo)):
            for position, key in enumerate(contents[decoy.id]):
                first = originals.setdefault(key, clip)
                if contents[first.id][position] != contents[clip.id][position]:
                    return None
    changed = [change_media(pair, by_id[origins[pair.id]]) for pair in pairs]
    return Decoys(changed, DecoyMedia(originals, decode))


def _group_pairs(
    pairs: Sequence[Pair], contents: Mapping[str, tuple[str, str]]
) -> Iterable[list[str]]:
    """Return the ids of the pairs that have frames and sound in the same clips."""
    groups: dict[tuple[bool, ...], list[str]] = {}
    for pair in pairs:
        hashes = (*contents[pair.ego.id], *contents[pair.exo.id])
        groups.setdefault(tuple(text in ABSENT for text in hashes), []).append(pair.id)
    return groups.values()


def _hash_clip(decoded: DecodedClip) -> tuple[str, str]:
    """The hashes of the frames and of the sound of a clip."""
    video, audio = decoded.frames, decoded.audio
    return hash_source(video) if video else ABSENT[0], hash_source(audio) if audio else ABSENT[1]


def hash_source(source: Frames | Audio) -> str:
    """Return the hash of frames or of a sound."""
    values = source.pixels if isinstance(source, Frames) else source.waveform
    return f"{type(source).__name__} {hashlib.sha256(values.tobytes()).hexdigest()}"
