"""Sizes and switches of InternImage, with the names of its configuration files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InternImageConfig:
    """Sizes and switches of the network.

    ``layer_scale`` is the start value of the layer scales; None for no layer scale. Without
    ``dw_kernel_size``, it is the kernel size of the deformable convolution, 3. This field and
    all fields behind it are those of `h` and `g`.
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
    """Recompute blocks in the backward pass; no published configuration contains it."""

    @property
    def feature_dim(self) -> int:
        """Channels of the last stage."""
        return self.channels << (len(self.depths) - 1)


def _make_post_norm_config(
    channels: int, depths: tuple[int, ...], groups: int, offset_scale: float = 1.0
) -> InternImageConfig:
    all_groups = (groups, 2 * groups, 4 * groups, 8 * groups)
    return InternImageConfig(
        channels, depths, all_groups, layer_scale=1e-5, offset_scale=offset_scale, post_norm=True
    )


SIZES = {
    "t": InternImageConfig(64, (4, 4, 18, 4), (4, 8, 16, 32)),
    "s": _make_post_norm_config(80, (4, 4, 21, 4), 5),
    "b": _make_post_norm_config(112, (4, 4, 21, 4), 7),
    "l": _make_post_norm_config(160, (5, 5, 22, 5), 10, 2.0),
    "xl": _make_post_norm_config(192, (5, 5, 24, 5), 12, 2.0),
    "h": InternImageConfig(
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
    "g": InternImageConfig(
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
    "tiny": InternImageConfig(8, (1, 1, 2, 1), (1, 2, 4, 8)),
}
IMAGE_SIZES = {"t": 224, "s": 224, "b": 224, "l": 384, "xl": 384, "h": 640, "g": 512, "tiny": 32}
"""Image side in pixels in the configurations of the ImageNet-1k checkpoints."""
