"""ECLIPSE (ECCV 2022): sound inside the blocks of CLIP's vision tower, as encoder and as fusion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.errors import UsageError
from egoexobench_plugins.eclipse.method import eclipse_method

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion, JointEncoder

_SMALL_TOWER = {"image": 32, "patch": 16, "width": 32, "depth": 2, "heads": 2, "project": 16}


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("eclipse", eclipse_encoder, modality="joint", example=_SMALL_TOWER)


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("eclipse", eclipse_fusion)


@hookimpl
def register_methods(register: Register) -> None:
    """Register the method."""
    register("eclipse", eclipse_method)


def eclipse_encoder(
    *,
    image: int = 224,
    patch: int = 32,
    width: int = 768,
    depth: int = 12,
    heads: int = 12,
    project: int = 512,
    dual: bool = True,
    reverse_norm: bool = False,
    time_cross_audio: bool = False,
    sounds: int = 1,
    hop: float = 0.2,
    weights: Path | None = None,
    trained: bool = True,
    checkpointing: bool = False,
) -> JointEncoder:
    """CLIP's vision tower whose blocks attend to the sound of each frame (Lin et al., ECCV 2022).

    A token is the projected class token of a frame. At the start the encoder is CLIP: what the new
    parts add is zero. A clip without sound, and a frame of it, is what the tower makes of the
    picture alone.

    The release reads 512 numbers a frame, of a ResNet-18 that was trained on VGGSound, from the 10
    s of sound around the frame. These weights are not published with it, so that no checkpoint of
    ECLIPSE can be read here. Here a sound is the log spectrogram of the release (512 samples, 353
    of overlap, mean 0 and deviation 1 in a clip), averaged over steps of `hop` seconds; power and a
    Hann window are chosen here. A clip's rows are divided evenly among its frames, because an
    encoder is not told their times: that is true of the default rule of frame sampling.

    Args:
        image: side of the input images, in pixels.
        patch: side of a patch, in pixels (ViT-B/32; ViT-B/16 was published, too).
        width: width of a token.
        depth: number of blocks.
        heads: attention heads (published: width / 64).
        project: width of the shared space.
        dual: update sound by pictures, too (published: on ActivityNet, Charades and YouCook2).
        reverse_norm: weights of the sound over patches instead of those of patches over the sound
            (published: on ActivityNet); it needs `dual` and one sound vector a frame.
        time_cross_audio: let every frame attend to the sound of all frames (in no published run).
        sounds: P, sound vectors of a frame (published: 1). With 1, and without `reverse_norm` and
            `time_cross_audio`, every patch of a frame gets the same vector, and nothing trains
            query and key of that attention.
        hop: length of a row of the spectrogram, s.
        weights: checkpoint of CLIP, a file or `hub:ORG/NAME/FILE`, such as
            `hub:timm/vit_base_patch32_clip_224.openai/open_clip_model.safetensors`; without it,
            they are random.
        trained: train it inside the method. Otherwise it runs once, frozen, and ignores the sound:
            no weights are published that open what starts closed.
        checkpointing: recompute blocks in the backward pass, which needs less memory.

    Source: GenjiB/ECLIPSE 0f3bb93, modules/module_clip.py.
    """
    if reverse_norm and (not dual or sounds > 1 or time_cross_audio):
        raise UsageError(
            "reverse_norm of encoder 'eclipse' needs dual=true, sounds=1 and time_cross_audio=false"
        )
    if sounds < 1 or hop <= 0:
        raise UsageError(f"sounds={sounds} and hop={hop:g} of encoder 'eclipse' must be positive")
    from egoexobench.toolbox import hub
    from egoexobench_plugins.eclipse.encoder import EclipseEncoder
    from egoexobench_plugins.eclipse.sound import NUM_BINS
    from egoexobench_plugins.eclipse.tower import TowerConfig

    config = TowerConfig(
        image=image,
        patch=patch,
        width=width,
        depth=depth,
        heads=heads,
        project=project,
        audio_dim=NUM_BINS,
        dual=dual,
        reverse_norm=reverse_norm,
        checkpointing=checkpointing,
    )
    encoder = EclipseEncoder(
        config, hop=hop, num_sounds=sounds, time_cross_audio=time_cross_audio, trained=trained
    )
    if weights is not None:
        encoder.load_clip(hub.resolve_weights(weights))
    return encoder


def eclipse_fusion(
    width: int,
    /,
    *,
    depth: int = 2,
    heads: int = 4,
    dual: bool = True,
    reverse_norm: bool = False,
) -> Fusion:
    """Two-way blocks over the tokens of frozen encoders, after ECLIPSE (Lin et al., ECCV 2022).

    The published blocks are inside the tower, where a frame meets its own sound (encoder
    `eclipse`); this is our form of them behind it. Video tokens attend to sound tokens and, with
    `dual`, sound tokens to video tokens; then video tokens attend to each other. The embedding is
    the mean of the video tokens. At the start it is the mean of the video that comes in: the
    outputs of self-attention and MLP start at zero, too. A clip without sound is its video tokens
    after self-attention and MLP.

    Args:
        width: width D of the tokens.
        depth: number of blocks. With one, `dual` changes nothing, as nothing reads its sound.
        heads: attention heads.
        dual: update sound by video, too.
        reverse_norm: the mean of the sound attends to the video tokens, each of which gets its
            weight times the sound; it needs `dual`.

    Source of the block: GenjiB/ECLIPSE 0f3bb93, modules/module_clip.py.
    """
    if depth < 1:
        raise UsageError(f"depth={depth} of fusion 'eclipse' must be 1 or more")
    if reverse_norm and not dual:
        raise UsageError("reverse_norm of fusion 'eclipse' needs dual=true, as in the release")
    from egoexobench_plugins.eclipse.fusion import EclipseFusion

    return EclipseFusion(width, depth=depth, heads=heads, dual=dual, reverse_norm=reverse_norm)
