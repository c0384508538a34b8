"""Sizes and switches of InternImage, under the names of its settings files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arch:
    """What decides the network.

    ``layer_scale`` is the value that its gains start from, or None for no gains.
    ``dw_kernel_size`` None is the kernel size of the deformable convolution, 3. The fields from
    there on are those of `h` and `g`.
    """

    channels: int
    depths: tuple[int, ...]
    groups: tuple[int, ...]
    num_classes: int = 0
    mlp_ratio: float = 4.0
    cls_scale: float = 1.5
    layer_scale: float | None = None
    offset_scale: float = 1.0
    post_norm: bool = False
    dw_kernel_size: int | None = None
    use_clip_projector: bool = False
    level2_post_norm: bool = False
    level2_post_norm_block_ids: tuple[int, ...] | None = None
    res_post_norm: bool = False
    center_feature_scale: bool = False
    checkpointing: bool = False
    """Compute blocks again in the backward pass; stands in no settings file of a checkpoint."""

    @property
    def features(self) -> int:
        """Channels of the last stage."""
        return self.channels << (len(self.depths) - 1)


def _post(channels: int, depths: tuple[int, ...], groups: int, offset_scale: float = 1.0) -> Arch:
    every = (groups, 2 * groups, 4 * groups, 8 * groups)
    return Arch(
        channels, depths, every, layer_scale=1e-5, offset_scale=offset_scale, post_norm=True
    )


SIZES = {
    "t": Arch(64, (4, 4, 18, 4), (4, 8, 16, 32)),
    "s": _post(80, (4, 4, 21, 4), 5),
    "b": _post(112, (4, 4, 21, 4), 7),
    "l": _post(160, (5, 5, 22, 5), 10, 2.0),
    "xl": _post(192, (5, 5, 24, 5), 12, 2.0),
    "h": Arch(
        320,
        (6, 6, 32, 6),
        (10, 20, 40, 80),
        dw_kernel_size=5,
        use_clip_projector=True,
        level2_post_norm=True,
        level2_post_norm_block_ids=(5, 11, 17, 23, 29),
        res_post_norm=True,
        center_feature_scale=True,
    ),
    "g": Arch(
        512,
        (2, 2, 48, 4),
        (16, 32, 64, 128),
        post_norm=True,
        dw_kernel_size=5,
        use_clip_projector=True,
        level2_post_norm=True,
        level2_post_norm_block_ids=(5, 11, 17, 23, 29, 35, 41, 47),
        center_feature_scale=True,
    ),
    "tiny": Arch(8, (1, 1, 2, 1), (1, 2, 4, 8)),
}
SIDES = {"t": 224, "s": 224, "b": 224, "l": 384, "xl": 384, "h": 640, "g": 512, "tiny": 32}
"""Pixels along a side in the settings of the ImageNet-1k checkpoints."""
