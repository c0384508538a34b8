"""ResNet-50 without its last stage and classifier, with the keys of torchvision."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

EXPANSION = 4
"""A stage has this many times more channels than its bottlenecks inside."""


@final
class BottleneckBlock(nn.Module):
    """Three convolutions beside a shortcut; the 3 x 3 one has the stride (ResNet "v1.5")."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        width_out = width * EXPANSION
        self.conv1 = nn.Conv2d(width_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width_out)
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride > 1 or width_in != width_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, maps: Tensor) -> Tensor:
        """Maps ``(N, width_in, H, W)`` to maps ``(N, 4 * width, H / stride, W / stride)``."""
        hidden = self.relu(self.bn1(self.conv1(maps)))
        hidden = self.relu(self.bn2(self.conv2(hidden)))
        shortcut = maps if self.downsample is None else self.downsample(maps)
        result: Tensor = self.relu(self.bn3(self.conv3(hidden)) + shortcut)
        return result


@final
class ResNetStem(nn.Module):
    """The first three stages of a ResNet (He et al. 2016).

    Args:
        width: channels of the first convolution, 64 in ResNet-50.
        blocks: bottlenecks of each stage.
    """

    def __init__(self, width: int, blocks: tuple[int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = _make_stage(width, width, blocks[0], stride=1)
        self.layer2 = _make_stage(width * EXPANSION, 2 * width, blocks[1], stride=2)
        self.layer3 = _make_stage(2 * width * EXPANSION, 4 * width, blocks[2], stride=2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def compute_early_maps(self, images: Tensor) -> Tensor:
        """Return the maps ``(N, width, S / 4, S / 4)`` after the max pool, of ``(N, 3, S, S)``."""
        maps: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return maps

    def compute_late_maps(self, early: Tensor) -> Tensor:
        """Return the maps ``(N, 16 * width, S / 16, S / 16)`` after the third stage."""
        maps: Tensor = self.layer3(self.layer2(self.layer1(early)))
        return maps


def _make_stage(width_in: int, width: int, num_blocks: int, *, stride: int) -> nn.Sequential:
    rest = [BottleneckBlock(width * EXPANSION, width, 1) for _ in range(num_blocks - 1)]
    return nn.Sequential(BottleneckBlock(width_in, width, stride), *rest)
