"""The model of a method: it projects tokens, fuses them and normalizes the embeddings.

`EmbeddingModel.embed_video` computes a video embedding from frames and sound, and
`EmbeddingModel.embed_text` computes a text embedding from narration and sound caption. Nothing else
reaches either of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.device import CPU, DeviceConfig
from egoexobench.method import ROLES
from egoexobench.models.projection import TokenProjector
from egoexobench.models.seeding import seeded_rng
from egoexobench.models.width_check import check_widths
from egoexobench.part_results import find_tokens_fault, find_vectors_fault, require_valid
from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import VIEWS, Tokens, View

if TYPE_CHECKING:
    from egoexobench.method import Method
    from egoexobench.protocols import AnchorText, AnyEncoder, Fusion

FusionFactory = Callable[[], "Fusion"]
EncodeFunction = Callable[..., Tokens]


class _ProjectedTokens(NamedTuple):
    """What a fusion gets; its query is its context where only one thing is embedded."""

    role: str
    query: Tokens
    context: Tokens


@final
class EmbeddingModel(nn.Module):
    """Encoders, token projectors and fusions of a method as one module.

    Args:
        method: names the roles and gives the hyper-parameters.
        encoders: the encoders of the method by role; trained ones become part of the module.
        video_fusion: creates the fusion of sound and frames, once for each view that has its own
            weights. With None a video embedding is the mean of the frame tokens.
        text_fusion: creates the fusion of sound caption and narration. With None a text embedding
            is the mean of the narration tokens.
        seed: every role draws its own random numbers from it. So another part in one role does not
            change the initialization of the others.
        device_config: device and precision of the module.
        labels: kind, name and distribution of each part by role, for messages.

    Raises:
        UsageError: if the widths of two parts do not fit.
    """

    def __init__(
        self,
        method: Method,
        encoders: Mapping[str, AnyEncoder],
        video_fusion: FusionFactory | None,
        text_fusion: FusionFactory | None,
        seed: int,
        device_config: DeviceConfig = CPU,
        labels: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.labels = {role: labels.get(role, f"the {kind}") for role, kind in ROLES.items()}
        self.method = method
        self.device_config = device_config
        self.encoders = encoders
        self.frozen = {role: encoder.frozen for role, encoder in encoders.items()}
        self.encode = {
            role: _compile_encode(encoder.encode, device_config)
            for role, encoder in encoders.items()
        }
        self.trained_encoders = nn.ModuleDict(
            {
                role: encoder
                for role, encoder in encoders.items()
                if isinstance(encoder, nn.Module) and not encoder.frozen
            }
        )
        self.video_role = {view: _get_video_role(view, encoders) for view in VIEWS}
        self.text_query_role = "text_audio" if "text_audio" in encoders else "text"
        self.projectors = nn.ModuleDict()
        self.fusions = nn.ModuleDict()
        self.functional_fusions: dict[str, Fusion] = {}
        views: tuple[View, ...] = VIEWS[:1] if method.share_view_weights else VIEWS
        self._add_projectors(views, seed)
        self._add_fusions(views, video_fusion, text_fusion, seed)
        check_widths(self)
        self.to(device_config.device)
        if device_config.compile:
            for module in (*self.projectors.values(), *self.fusions.values()):
                module.compile()

    def _add_projectors(self, views: tuple[View, ...], seed: int) -> None:
        if not self.method.objective or not self.method.project:
            return
        encoder_roles = {role: role for role in ("audio", "text", "text_audio")}
        encoder_roles |= {f"video-{view}": self.video_role[view] for view in views}
        for role, encoder_role in encoder_roles.items():
            if encoder_role in self.encoders:
                with seeded_rng(seed, role):
                    dim = self.encoders[encoder_role].dim
                    self.projectors[role] = TokenProjector(dim, self.method)

    def _add_fusions(
        self,
        views: tuple[View, ...],
        video_fusion: FusionFactory | None,
        text_fusion: FusionFactory | None,
        seed: int,
    ) -> None:
        factories = {**{f"video-{view}": video_fusion for view in views}, "text": text_fusion}
        for role, create_fusion in factories.items():
            if create_fusion is None:
                continue
            with seeded_rng(seed, f"fuse-{role}"):
                fusion = create_fusion()
            if isinstance(fusion, nn.Module):
                self.fusions[role] = fusion
            else:
                self.functional_fusions[role] = fusion

    def to_device(self, tokens: Tokens) -> Tokens:
        """The tokens on the device of the module."""
        device = self.device_config.device
        if device == "cpu":
            return tokens
        return Tokens(tokens.values.to(device), tokens.mask.to(device))

    def embed_video(
        self,
        view: View,
        video: Tokens | None,
        audio: Tokens | None,
        caption: Tokens | None = None,
    ) -> Tensor:
        """Embed clips of one view from frames and sound.

        Args:
            view: the view whose weights are used.
            video: output of the video encoder or of the joint one, or prepared frames if it is
                trained; None if the method does not use it.
            audio: the same for sound; prepared sounds for a joint encoder that is trained.
            caption: the same for sound captions, only for a method that declares to read them
                instead of the sound when a video is scored.

        Returns:
            ``(B, D)``, of unit length except for a method that compares by dot product.
        """
        projected = self._project_video(view, video, audio, caption)
        return self._fuse(projected.role, projected.query, projected.context)

    def list_video_tokens(
        self,
        view: View,
        video: Tokens | None,
        audio: Tokens | None,
        caption: Tokens | None = None,
    ) -> tuple[Tokens, list[int]]:
        """Return the tokens ``(B, T, D)`` that `embed_video` computes an embedding from.

        The first real ones of each row are of its sound if the fusion reads it beside frames; the
        second result is their number.
        """
        projected = self._project_video(view, video, audio, caption)
        tokens = self._join_tokens(projected)
        has_sound = tokens is not projected.context and caption is None
        counts = projected.query.mask.sum(1).tolist() if has_sound else [0] * len(tokens.mask)
        return tokens, counts

    def list_frame_tokens(self, view: View, video: Tokens | None) -> Tokens:
        """Return the projected tokens ``(B, T, D)`` of the video encoder, before fusion.

        Without a fusion, `embed_video` gives their mean.

        Args:
            view: the view whose weights are used.
            video: output of the video encoder, or prepared frames if it is trained.
        """
        role = f"video-{VIEWS[0] if self.method.share_view_weights else view}"
        tokens = self._project_tokens(self.video_role[view], role, *filter(None, [video]))
        if tokens is None:
            message = "the method has no video encoder"
            raise ValueError(message)
        return tokens

    def embed_text(self, narration: Tokens, query: Tokens | None, kind: AnchorText) -> Tensor:
        """Embed texts from narration and sound caption.

        Args:
            narration: output of the text encoder, or prepared input of a trained one.
            query: the same for sound captions, or of the encoder ``text_audio`` for narrations;
                None if the method has neither.
            kind: ``sound_text`` is the fusion (paper, eq. 10), the others are one text alone.

        Returns:
            ``(B, D)``, with the same length as video embeddings.
        """
        projected = self._project_text(narration, query, kind)
        if projected.query is projected.context:
            return self._normalize(masked_mean(projected.context))
        return self._fuse("text", projected.query, projected.context)

    def list_text_tokens(self, narration: Tokens, query: Tokens | None, kind: AnchorText) -> Tokens:
        """Return the tokens ``(B, T, D)`` that `embed_text` computes an embedding from."""
        return self._join_tokens(self._project_text(narration, query, kind))

    def embed_sound(self, audio: Tokens) -> Tensor:
        """Embed sound alone, ``f_a`` of the paper's eq. 6 as one vector of unit length: ``(B, D)``.

        The paper does not say how the tokens of ``f_a`` become one vector, or its length.
        """
        return self._normalize(masked_mean(self._require_tokens("audio", audio)))

    def set_normalization(self, statistics: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Set mean and standard deviation of frozen tokens by role, from the training split."""
        for role, (mean, std) in statistics.items():
            projector = self.projectors[role]
            assert isinstance(projector, TokenProjector)  # noqa: S101 - it contains nothing else
            projector.set_normalization(mean, std)

    def _project_video(
        self, view: View, video: Tokens | None, audio: Tokens | None, caption: Tokens | None
    ) -> _ProjectedTokens:
        role = f"video-{VIEWS[0] if self.method.share_view_weights else view}"
        encoder_role = self.video_role[view]
        inputs = [video, audio] if encoder_role == "joint" else [video]
        frames = self._project_tokens(encoder_role, role, *filter(None, inputs))
        query_role, query_tokens = ("audio", audio) if caption is None else ("text", caption)
        query = self._project_tokens(query_role, query_role, *filter(None, [query_tokens]))
        context = frames or query
        if context is None:
            message = "a video embedding needs frames or sound"
            raise ValueError(message)
        return _ProjectedTokens(role, query or context, context)

    def _project_text(
        self, narration: Tokens, query: Tokens | None, kind: AnchorText
    ) -> _ProjectedTokens:
        context = self._require_tokens("text", narration)
        if kind == "narration" or query is None:
            return _ProjectedTokens("text", context, context)
        projected = self._require_tokens(self.text_query_role, query)
        return _ProjectedTokens(
            "text", projected, projected if kind == "sound_caption" else context
        )

    def _join_tokens(self, projected: _ProjectedTokens) -> Tokens:
        """Return the tokens of query and context as one sequence, or of what is embedded alone."""
        query, context = projected.query, projected.context
        is_fused = projected.role in self.fusions or projected.role in self.functional_fusions
        if query is context or not is_fused:
            return context
        return Tokens(
            torch.cat([query.values, context.values], 1), torch.cat([query.mask, context.mask], 1)
        )

    def _require_tokens(self, role: str, tokens: Tokens) -> Tokens:
        projected = self._project_tokens(role, role, tokens)
        if projected is None:
            message = f"the method has no {role} encoder"
            raise ValueError(message)
        return projected

    def _project_tokens(self, encoder_role: str, role: str, *inputs: Tokens) -> Tokens | None:
        """Encode the prepared inputs of a trained encoder, and project tokens; None without any."""
        if not inputs or encoder_role not in self.encoders:
            return None
        tokens = inputs[0]
        if not self.frozen[encoder_role]:
            num_rows, dim = len(tokens.values), self.encoders[encoder_role].dim
            tensors = [tensor for item in inputs for tensor in (item.values, item.mask)]
            tokens = self.encode[encoder_role](*tensors)
            fault = find_tokens_fault(tokens, num_rows, dim)
            require_valid(fault, self.labels[encoder_role])
        if role not in self.projectors:
            return tokens
        projected: Tokens = self.projectors[role](tokens)
        return projected

    def _fuse(self, role: str, query: Tokens, context: Tokens) -> Tensor:
        fusion = self.functional_fusions.get(role)
        if role in self.fusions:
            fusion = self.fusions[role]
        if fusion is None:
            return self._normalize(masked_mean(context))
        fused = fusion(query, context)
        fault = find_vectors_fault(fused, len(context.values), "its result")
        require_valid(fault, self.labels["text_fusion" if role == "text" else "video_fusion"])
        return self._normalize(fused)

    def _normalize(self, vectors: Tensor) -> Tensor:
        """Scale to unit length, except when a method that compares by dot product is scored."""
        if self.method.similarity == "dot" and not self.training:
            return vectors
        return functional.normalize(vectors, dim=-1)


def _compile_encode(encode: EncodeFunction, device_config: DeviceConfig) -> EncodeFunction:
    return torch.compile(encode) if device_config.compile else encode


def _get_video_role(view: View, encoders: Mapping[str, AnyEncoder]) -> str:
    if "joint" in encoders:
        return "joint"
    return "video_exo" if view == "exo" and "video_exo" in encoders else "video"
