"""SoundBridge as its code was released: the method, and its fusions of video and of text.

The released network (shhuangcoder/SoundBridge, commit 3c4ca7f, models/retriever.py and
models/retriever_cha.py) has one checkpoint for four parts, and each part loads its own weights:

- video tower: encoder ``timesformer:output=cls,project=256``, the same for both views;
- text tower: encoder ``clip-text:heads=16,project=256,output=pooled,truncate=released``,
  for narrations and for sound captions;
- `soundbridge-released-video`: fuses the video vector of a clip with a vector of its sound;
- `soundbridge-released-text`: fuses the vector of a narration with that of its sound caption.

(Use ``project=768`` for weights of the released default configuration.)

Differences from the paper:

- A clip, its sound and a text are one vector each, so every softmax of the cross-attention has a
  single key: the query has no effect, and the weights of query and key get no gradient.
- Sound enters a video embedding by addition alone (`association`, `retrieval`) or not at all
  (`cha`). A sound caption enters a text embedding in `retrieval` alone.
- In training, the video side reads BEATs features. In evaluation, it reads the text embedding of
  the sound caption, which an LLM wrote from the narration: a video embedding depends on
  ``video + sound_caption``.
- Both views share an encoder; sound is not aligned in time (DTW).
- The loss is CLIP's, symmetric, over clips of both views
  (``info-nce:denominator=all,symmetric=true,learn=true``). A loss between caption and text is
  logged but not added.
- The text tower runs weights of 8 heads with 16.
- Embeddings are compared without normalization.

As released, `association` and `cha` end with an error in evaluation and in the loss, because the
vector of the caption has an extra axis of length one; here this axis is removed. `cha` ends with
an error if the features and the embedding differ in width, because it does not project features.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl
from egoexobench_plugins.soundbridge_released.method import soundbridge_released

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusions."""
    register("soundbridge-released-video", soundbridge_released_video)
    register("soundbridge-released-text", soundbridge_released_text)


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("soundbridge-released", soundbridge_released)


def soundbridge_released_video(
    width: int,
    /,
    *,
    variant: Literal["association", "retrieval", "cha"] = "retrieval",
    sound: Literal["embedding", "features", "released"] = "embedding",
    audio_dim: int = 768,
    heads: int = 4,
    layer_heads: int = 2,
    weights: Path | None = None,
) -> Fusion:
    """The released fusion of a clip's video vector with a vector of its sound.

    Args:
        width: width D of the tokens.
        variant: `association` adds the sound to the output of the attention; `retrieval`, the
            variant that works as released, adds a transformer layer behind it; `cha`
            (CharadesEgo) is a linear map of the attention and does not depend on the sound.
        sound: `embedding` is the text embedding of the caption, as in evaluation; `features` are
            projected BEATs features, as in training; `released` uses features in training and
            the embedding in evaluation.
        audio_dim: width of the BEATs features.
        heads: heads of the cross-attention.
        layer_heads: heads of the transformer layer.
        weights: checkpoint of the complete system, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.soundbridge_released.model import (
        ReleasedHeadConfig,
        VideoFusion,
        load_checkpoint,
    )

    fusion = VideoFusion(ReleasedHeadConfig(width, heads, layer_heads, audio_dim), variant, sound)
    if weights is not None:
        load_checkpoint(fusion, hub.resolve_weights(weights))
    return fusion


def soundbridge_released_text(
    width: int,
    /,
    *,
    variant: Literal["association", "retrieval", "cha"] = "retrieval",
    heads: int = 4,
    layer_heads: int = 2,
    weights: Path | None = None,
) -> Fusion:
    """The released fusion of a narration's vector with its sound caption's.

    Args:
        width: width D of the tokens.
        variant: `retrieval` adds the caption to the output of the attention, with a transformer
            layer behind it; in `association` and `cha`, the embedding does not depend on the
            caption.
        heads: heads of the cross-attention.
        layer_heads: heads of the transformer layer.
        weights: checkpoint of the complete system, a file or `hub:ORG/NAME/FILE`; without it,
            they are random.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.soundbridge_released.model import (
        ReleasedHeadConfig,
        TextFusion,
        load_checkpoint,
    )

    fusion = TextFusion(ReleasedHeadConfig(width, heads, layer_heads), variant)
    if weights is not None:
        load_checkpoint(fusion, hub.resolve_weights(weights))
    return fusion
