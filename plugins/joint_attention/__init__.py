"""Fusion `a2summ`: one attention over the tokens of video and sound, with a class token each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Fusion


@hookimpl
def register_fusions(register: Register) -> None:
    """Register the fusion."""
    register("a2summ", a2summ)


def a2summ(
    width: int,
    /,
    *,
    depth: int = 2,
    heads: int = 8,
    layers: Literal["shared", "own"] = "shared",
    positions: int = 512,
    dropout: float = 0.0,
    output: Literal["both", "video"] = "both",
) -> Fusion:
    """All tokens of both sides attend to each other, as in A2Summ (CVPR 2023).

    The context is the video and the query what stands beside it: a transcript in A2Summ, the sound
    here unless a captioner writes one. Each side gets a class token, and their mean is the
    embedding. A clip without a query is the class token of the video alone, which then attends to
    itself. The network is that of boheumd/A2Summ 5c7dcea in its form without times, which golden
    files compare. A2Summ summarizes: that class tokens embed a clip is our use of it, and its
    extractive losses need labels of key frames, which no data set here has.

    Args:
        depth: layers, one after the other (release: 2 or 6).
        heads: attention heads (release: 8).
        layers: `shared` gives all layers the same weights, as the release does, which lists one
            layer repeatedly; `own` gives each its own.
        positions: rows of learned positions of a side (release: 5000), one more than its tokens.
        dropout: share of features that training sets to zero.
        output: `both` is the mean of the two class tokens, `video` that of the video alone.
    """
    from egoexobench_plugins.joint_attention.attention import JointSize
    from egoexobench_plugins.joint_attention.model import JointFusion

    size = JointSize(
        video_dim=width,
        text_dim=width,
        width=width,
        num_layers=depth,
        heads=heads,
        positions=positions,
        dropout=dropout,
        layers=layers,
    )
    return JointFusion(size, output)
