"""AE2's networks: one vector for each pair of a frame and the frame that stands before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import torch
from torch import Tensor, nn

from egoexobench_plugins.ae2.config import BOX_WIDTH, NUM_BOXES, AE2Config
from egoexobench_plugins.ae2.roi_align import align_regions
from egoexobench_plugins.ae2.stem import EXPANSION, ResNetStem

if TYPE_CHECKING:
    from egoexobench_plugins.ae2.config import Context

EARLY_SCALE = 0.25
"""Cells of an early map per pixel."""
NUM_BINS = 4
"""Bins along each side of a box."""
SCORE, KIND = 4, BOX_WIDTH - 1
"""Columns of a box: how sure the detector is, and what the box shows."""
NO_BOX = -1
FEEDFORWARD = 2048
"""The library's default width, which the release leaves as it is for every ``hidden``."""


class FrameEmbedder(Protocol):
    """What both networks do."""

    base_model: ResNetStem

    def __call__(self, images: Tensor, pairs: Tensor, boxes: Tensor | None) -> Tensor:
        """Return vectors ``(N, D)``.

        Args:
            images: distinct frames ``(U, 3, S, S)`` from -1 to 1.
            pairs: positions ``(N, 2)`` in ``images`` of an earlier frame and of the frame itself.
            boxes: of the frame itself, ``(N, 4, 10)``, in pixels of the image.
        """


def gather_pairs(maps: Tensor, pairs: Tensor, context: Context) -> Tensor:
    """Return the maps of both frames of each pair on an axis of two, ``(N, C, 2, H, W)``.

    ``reshape`` is what the release computes: the 2C maps of a pair, those of the earlier frame
    first, are cut into C neighbors. So the axis holds two channels of the earlier frame in the
    first half of C, and two channels of the frame itself in the second. ``transpose`` puts the
    same channel of both frames on it.
    """
    of_pairs = maps[pairs]  # (N, 2, C, H, W)
    if context == "transpose":
        return of_pairs.transpose(1, 2)
    return of_pairs.reshape(len(pairs), maps.shape[1], 2, *maps.shape[2:])


@final
class PlainEmbedder(nn.Module):
    """The network ``align`` of the release: the maps of both frames, convolved and pooled."""

    def __init__(self, config: AE2Config) -> None:
        super().__init__()
        self.config = config
        self.base_model = ResNetStem(config.stem, config.blocks)
        self.dropout = nn.Dropout(config.dropout)
        self.conv_layers = _make_conv_layers(config)
        self.fc_layers = _make_fc_layers(config)
        self.embedding_layer = nn.Linear(config.conv, config.project)

    def forward(self, images: Tensor, pairs: Tensor, boxes: Tensor | None = None) -> Tensor:
        """Return vectors ``(N, D)`` as `FrameEmbedder` says; boxes are not read."""
        del boxes
        maps = self.base_model.compute_late_maps(self.base_model.compute_early_maps(images))
        maps = self.dropout(gather_pairs(maps, pairs, self.config.context))
        pooled = _pool_maps(self.conv_layers(maps))
        vectors: Tensor = self.embedding_layer(self.fc_layers(pooled))
        return vectors


@final
class ObjectEmbedder(nn.Module):
    """The network ``align_bbox`` of the release: hands and objects as tokens beside the frame."""

    def __init__(self, config: AE2Config) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        self.base_model = ResNetStem(config.stem, config.blocks)
        self.dropout = nn.Dropout(config.dropout)
        self.conv_layers = _make_conv_layers(config)
        self.fc_layers = _make_fc_layers(config).requires_grad_(False)  # stored and never used
        self.proj_local = nn.Linear(config.stem * NUM_BINS**2, width)
        self.proj_global = nn.Linear(config.conv, width)
        self.pos_embed = nn.Parameter(torch.randn(SCORE + 1, width), config.positions)
        self.token_embed = nn.Parameter(torch.randn(1, NUM_BOXES + 1, width))
        self.ln = nn.LayerNorm(width)
        self.transformer_encoder = nn.ModuleDict(
            {"layers": nn.ModuleList(_make_layer(config) for _ in range(config.layers))}
        )
        self.embedding_layer = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.project))

    def forward(self, images: Tensor, pairs: Tensor, boxes: Tensor | None) -> Tensor:
        """Return vectors ``(N, D)`` as `FrameEmbedder` says."""
        assert boxes is not None  # noqa: S101 - the encoder passes boxes to this network
        if self.config.one_object:
            boxes = boxes.clone()
            boxes[:, -1, KIND] = NO_BOX
        early = self.base_model.compute_early_maps(images)
        late = self.base_model.compute_late_maps(early)
        late = self.dropout(gather_pairs(late, pairs, self.config.context))
        pooled = _pool_maps(self.conv_layers(late))
        frame_token = self.proj_global(pooled) + self.token_embed[0, -1]  # (N, hidden)
        tokens = torch.cat([self._make_tokens(early, pairs, boxes), frame_token[:, None]], 1)
        vectors: Tensor = self.embedding_layer(self._attend(self.ln(tokens), boxes).mean(1))
        return vectors

    def _make_tokens(self, early: Tensor, pairs: Tensor, boxes: Tensor) -> Tensor:
        """Return a token for each box, ``(N, 4, hidden)``."""
        maps = self.dropout(gather_pairs(early, pairs, self.config.context)).amax(2)
        regions = align_regions(maps, boxes, EARLY_SCALE, NUM_BINS)
        tokens: Tensor = self.proj_local(regions.flatten(2))
        if self.config.positions:
            sides = boxes.new_tensor([self.config.image] * SCORE + [1])
            tokens = tokens + (boxes[..., : SCORE + 1] / sides) @ self.pos_embed
        kinds = boxes[..., KIND].long()
        kind_tokens = self.token_embed[0, kinds % (NUM_BOXES + 1)]  # -1 is the last row
        if self.config.missing_box == "zero":
            kind_tokens = kind_tokens * (kinds >= 0)[..., None]
        tokens = tokens + kind_tokens
        return tokens * boxes[..., SCORE, None] if self.config.weigh else tokens

    def _attend(self, tokens: Tensor, boxes: Tensor) -> Tensor:
        hidden = None
        if self.config.mask:
            is_missing = boxes[..., KIND] < 0
            is_missing = torch.cat([is_missing, is_missing.new_zeros(len(boxes), 1)], 1)
            hidden = tokens.new_zeros(is_missing.shape).masked_fill(is_missing, -torch.inf)
            hidden = hidden.repeat_interleave(self.config.heads, 0)[:, None]  # (N * heads, 1, 5)
            hidden = hidden.expand(-1, tokens.shape[1], -1)
        for layer in self.transformer_encoder["layers"].children():
            tokens = layer(tokens, src_mask=hidden)
        return tokens


def build_embedder(config: AE2Config) -> PlainEmbedder | ObjectEmbedder:
    """Return the network of a configuration, with random weights."""
    return ObjectEmbedder(config) if config.object_centric else PlainEmbedder(config)


def _pool_maps(convolved: Tensor) -> Tensor:
    """Return the largest value of each map over both frames and all cells, ``(N, C)``."""
    return convolved.amax((2, 3, 4))


def _make_conv_layers(config: AE2Config) -> nn.Sequential:
    widths = (4 * config.stem * EXPANSION, config.conv)
    layers: list[nn.Module] = []
    for width in widths:
        layers += [
            nn.Conv3d(width, config.conv, 3, padding=1),
            nn.BatchNorm3d(config.conv),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def _make_fc_layers(config: AE2Config) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Dropout(config.dropout), nn.Linear(config.conv, config.conv), nn.ReLU()]
    return nn.Sequential(*layers)


def _make_layer(config: AE2Config) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        config.hidden,
        config.heads,
        dim_feedforward=FEEDFORWARD,
        dropout=config.dropout,
        batch_first=True,
    )
