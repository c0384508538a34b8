"""SoundBridge as its code was released: method, and fusions of video and of text.

The released network (shhuangcoder/SoundBridge, commit 3c4ca7f, models/retriever.py and
models/retriever_cha.py) is four parts with one checkpoint, which each takes its own share of:

- video tower: encoder ``timesformer:output=cls,project=256``, the same for both views;
- text tower: encoder ``clip-text:heads=16,project=256,output=pooled,truncate=released``,
  for narrations and for sound captions;
- `soundbridge-released-video`: the clip's one video vector with one vector of sound;
- `soundbridge-released-text`: the narration's vector with the sound caption's.

(``project=768`` for weights trained with the released default configuration.) Where it departs
from the paper:

- A clip, a sound and a text are one vector each, so every softmax of the cross-attention is over
  one key: the query changes nothing in it, and its query and key weights get no gradient.
- What is heard reaches a video embedding by addition alone (`association`, `retrieval`) or not at
  all (`cha`); a sound caption reaches a text embedding in `retrieval` alone.
- Evaluation gives the video side the text embedding of the sound caption, which an LLM wrote from
  the clip's narration, where training gives it BEATs features: evidence of a video embedding is
  ``video + sound_caption``.
- Both views share one encoder; there is no alignment of sound in time (DTW).
- The loss is CLIP's, symmetric, over rows that are clips of either view
  (``info-nce:denominator=all,symmetric=true,learn=true``); a loss between caption and text is
  logged and not added.
- The text tower runs weights of 8 heads with 16.
- Embeddings are compared without normalisation.

As released, `association` and `cha` stop with an error in evaluation and in the loss, because the
caption's vector keeps an axis of length one; here that axis is dropped. `cha` stops on 768-wide
features unless the embedding is as wide, because it alone does not project them.
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
    """The released fusion of a clip's video vector with one vector of sound.

    Args:
        width: D of the tokens.
        variant: `association` adds the sound to what it attended to; `retrieval`, the one that
            runs as released, puts a transformer layer behind that; `cha` (CharadesEgo) is a
            linear map of the attention alone, which no sound can change.
        sound: `embedding` is `width` wide, the caption's text embedding at evaluation; `features`
            are of BEATs and projected first, as in training; `released` is either at its time.
        audio_dim: width of those features.
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
        width: D of the tokens.
        variant: `retrieval` adds the caption to what it attended to, and puts a transformer layer
            behind that; in `association` and `cha` no caption can change the embedding.
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
