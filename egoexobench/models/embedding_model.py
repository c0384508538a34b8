"""The one module that is trained: project, fuse, anchor, normalise.

A video embedding is computed by `Model.embed_video` from picture and sound, a text embedding by
`Model.embed_text` from narration and sound caption; nothing else reaches either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.device import CPU, DeviceConfig
from egoexobench.errors import UsageError
from egoexobench.hashing import hash_json
from egoexobench.models.projection import TokenProjector
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import VIEWS, Tokens, View

if TYPE_CHECKING:
    from egoexobench.method import Method
    from egoexobench.protocols import AnchorText, Encoder, Fusion

FusionFactory = Callable[[], "Fusion"]
EncodeFunction = Callable[[Tensor, Tensor], Tokens]


@final
class EmbeddingModel(nn.Module):
    """A method's parts, wired.

    Args:
        method: the recipe.
        encoders: by modality, those the method has; trained ones become part of the module.
        video_fusion: makes the fusion of sound and picture; called once per view where weights
            are view-dependent. None: the mean of the picture's tokens.
        text_fusion: makes the fusion of sound caption and narration. None: the narration's mean.
        seed: every role draws its own numbers from it, so that swapping one part does not
            initialise another differently.
        device_config: where the module is, and the precision of its forward pass.

    Raises:
        UsageError: for parts whose widths do not fit each other.
    """

    def __init__(
        self,
        method: Method,
        encoders: Mapping[str, Encoder],
        video_fusion: FusionFactory | None,
        text_fusion: FusionFactory | None,
        seed: int,
        device_config: DeviceConfig = CPU,
    ) -> None:
        super().__init__()
        self.method = method
        self.device_config = device_config
        self.encoders = encoders
        self.frozen = {name: encoder.frozen for name, encoder in encoders.items()}
        self.encode = {
            name: _compile_encode(encoder.encode, device_config)
            for name, encoder in encoders.items()
        }
        self.trained_encoders = nn.ModuleDict(
            {
                name: one
                for name, one in encoders.items()
                if isinstance(one, nn.Module) and not one.frozen
            }
        )
        views: tuple[View, ...] = VIEWS[:1] if method.share_view_weights else VIEWS
        self.projectors = nn.ModuleDict()
        self.fusions = nn.ModuleDict()
        self.video_role = {view: _video_role(view, encoders) for view in VIEWS}
        if method.objective and method.project:
            roles = {
                "audio": "audio",
                "text": "text",
                **{f"video-{v}": self.video_role[v] for v in views},
            }
            for role, name in roles.items():
                if name in encoders:
                    with seeded_rng(seed, role):
                        self.projectors[role] = TokenProjector(encoders[name].dim, method)
        self.functional_fusions: dict[str, Fusion] = {}
        builds = {**{f"video-{view}": video_fusion for view in views}, "text": text_fusion}
        for role, build in builds.items():
            if build is not None:
                with seeded_rng(seed, f"fuse-{role}"):
                    self._add_fusion(role, build())
        _check_widths(method, encoders, self.projectors)
        self.to(device_config.device)
        if device_config.compile:
            for module in (*self.projectors.values(), *self.fusions.values()):
                module.compile()

    def _add_fusion(self, role: str, fusion: Fusion) -> None:
        if isinstance(fusion, nn.Module):
            self.fusions[role] = fusion
        else:
            self.functional_fusions[role] = fusion

    def to_device(self, tokens: Tokens) -> Tokens:
        """Put tokens where the module lies."""
        if self.device_config.device == "cpu":
            return tokens
        device = self.device_config.device
        return Tokens(tokens.values.to(device), tokens.mask.to(device))

    def embed_video(
        self,
        view: View,
        video: Tokens | None,
        audio: Tokens | None,
        caption: Tokens | None = None,
    ) -> Tensor:
        """Embed clips of one view from picture and sound.

        Args:
            view: whose weights to use.
            video: encoder output, or prepared input of a trained encoder; None if not used.
            audio: likewise.
            caption: of the sound captions, for a method that declares to read them in place of
                the sound when a video is scored; None otherwise.

        Returns:
            ``(B, D)``, of unit length but for a method that compares by dot product.
        """
        role = f"video-{VIEWS[0] if self.method.share_view_weights else view}"
        picture = self._project_tokens(self.video_role[view], role, video)
        heard = ("audio", audio) if caption is None else ("text", caption)
        sound = self._project_tokens(heard[0], *heard)
        context = picture or sound
        if context is None:
            message = "a video embedding needs picture or sound"
            raise ValueError(message)
        return self._fuse(role, sound or context, context)

    def embed_text(self, narration: Tokens, caption: Tokens | None, kind: AnchorText) -> Tensor:
        """Embed texts from narration and sound caption.

        Args:
            narration: encoder output, or prepared input of a trained encoder.
            caption: of the sound captions; None if not used.
            kind: ``sound_text`` is the fusion (paper, eq. 10), the others one text alone.

        Returns:
            ``(B, D)``, scaled as those of videos.
        """
        told = self._require_tokens("text", narration)
        if kind == "narration" or caption is None:
            return self._normalize(masked_mean(told))
        heard = self._require_tokens("text", caption)
        if kind == "sound_caption":
            return self._normalize(masked_mean(heard))
        return self._fuse("text", heard, told)

    def embed_sound(self, audio: Tokens) -> Tensor:
        """Embed sound alone, ``f_a`` of the paper's eq. 6: ``(B, D)``."""
        return self._normalize(masked_mean(self._require_tokens("audio", audio)))

    def set_normalization(self, moments: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Set mean and deviation of frozen tokens, by role, from the training split."""
        for role, (centre, spread) in moments.items():
            trunk = self.projectors[role]
            assert isinstance(trunk, TokenProjector)  # noqa: S101 - the dictionary holds nothing else
            trunk.set_normalization(centre, spread)

    def _require_tokens(self, role: str, given: Tokens) -> Tokens:
        tokens = self._project_tokens(role, role, given)
        if tokens is None:
            message = f"the method has no {role} encoder"
            raise ValueError(message)
        return tokens

    def _project_tokens(self, name: str, role: str, given: Tokens | None) -> Tokens | None:
        if given is None or name not in self.encoders:
            return None
        if not self.frozen[name]:
            given = self.encode[name](given.values, given.mask)
        if role not in self.projectors:
            return given
        tokens: Tokens = self.projectors[role](given)
        return tokens

    def _fuse(self, role: str, query: Tokens, context: Tokens) -> Tensor:
        fusion = self.functional_fusions.get(role)
        if role in self.fusions:
            fusion = self.fusions[role]
        return self._normalize(masked_mean(context) if fusion is None else fusion(query, context))

    def _normalize(self, vectors: Tensor) -> Tensor:
        """Unit length; a dot product is told apart from the cosine only when scores are made."""
        if self.method.similarity == "dot" and not self.training:
            return vectors
        return functional.normalize(vectors, dim=-1)


def _compile_encode(encode: EncodeFunction, device_config: DeviceConfig) -> EncodeFunction:
    return torch.compile(encode) if device_config.compile else encode


def _check_widths(method: Method, encoders: Mapping[str, Encoder], trunks: nn.ModuleDict) -> None:
    """Refuse two encoders of different widths before one shared branch."""
    wide = {role: one.dim for role, one in encoders.items() if role in ("video", "video_exo")}
    if trunks and method.share_view_weights and len(set(wide.values())) > 1:
        told = " and ".join(f"{role} of {dim} features" for role, dim in wide.items())
        raise UsageError(
            f"method {method.name!r} has {told} before one branch for both views; "
            "set share_view_weights=false"
        )


def _video_role(view: View, encoders: Mapping[str, Encoder]) -> str:
    return "video_exo" if view == "exo" and "video_exo" in encoders else "video"


@contextmanager
def seeded_rng(seed: int, role: str) -> Iterator[None]:
    """Draw torch's random numbers from (seed, role) inside, and restore its state after.

    The text of a role decides the weights that are drawn: do not rename one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(hash_json([seed, role])[:8], 16))
        yield
