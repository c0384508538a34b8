"""Captioner `asr`: what is said in the sound of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl
from egoexobench.errors import UsageError
from egoexobench.toolbox.option_limits import check_minimum

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import AudioCaptioner


@hookimpl
def register_captioners(register: Register) -> None:
    """Register the captioner."""
    register("asr", asr)


def asr(
    *,
    model: str,
    language: str | None = None,
    no_speech: float = 0.6,
    tokens: int = 224,
    batch: int = 8,
    device: str = "cpu",
) -> AudioCaptioner:
    """Transcripts of the sound by Whisper, in place of sound captions; no narration is read.

    The sound is cut into windows of 30 s, as Whisper reads it, and decoded greedily in each
    (Radford et al., 2022). A window in which Whisper expects no speech gives nothing, and
    so does a clip without sound or with digital silence: it has no transcript, and the record
    counts such clips. Words have times where the checkpoint says which attention heads follow the
    sound. Where nothing is said, Whisper may still invent words: look at some transcripts first.

    Args:
        model: a folder with config.json, tokenizer and model.safetensors, or `ORG/NAME@COMMIT` on
            the hub. Ego-Exo4D's own transcripts are from Whisper large-v3.
        language: such as `en`; none detects it in each window.
        no_speech: probability of the no-speech token from which on a window gives nothing; 0.6 is
            that of Whisper's own transcribe, which also asks for a low likelihood of the text.
        tokens: largest number of tokens of a window, at most half of the positions of the decoder.
        batch: number of windows in a batch.
        device: such as `cpu` or `cuda:0`.
    """
    from egoexobench_plugins.asr.captioner import WhisperCaptioner, WhisperOptions

    check_minimum("captioner 'asr'", {"batch": (batch, 1), "tokens": (tokens, 1)})
    if not 0 < no_speech <= 1:
        raise UsageError(f"no_speech={no_speech} of captioner 'asr' must be above 0 and at most 1")
    return WhisperCaptioner(
        WhisperOptions(
            model=model,
            language=language,
            no_speech=no_speech,
            tokens=tokens,
            batch=batch,
            device=device,
        )
    )
