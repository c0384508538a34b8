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

from egoexobench.compute import CPU, Compute
from egoexobench.errors import UsageError
from egoexobench.hashing import hash_json
from egoexobench.models.projection import Trunk
from egoexobench.toolbox.layers import masked_mean
from egoexobench.values import VIEWS, Tokens, View

if TYPE_CHECKING:
    from egoexobench.interfaces import AnchorText, Encoder, Fusion
    from egoexobench.method import Method

Build = Callable[[], "Fusion"]
Encode = Callable[[Tensor, Tensor], Tokens]


@final
class Model(nn.Module):
    """A method's parts, wired.

    Args:
        method: the recipe.
        encoders: by modality, those the method has; trained ones become part of the module.
        fuse_video: makes the fusion of sound and picture; called once per view where weights
            are view-dependent. None: the mean of the picture's tokens.
        fuse_text: makes the fusion of sound caption and narration. None: the narration's mean.
        seed: every role draws its own numbers from it, so that swapping one part does not
            initialise another differently.
        compute: where the module lies, and how it multiplies.

    Raises:
        UsageError: for parts whose widths do not fit each other.
    """

    def __init__(
        self,
        method: Method,
        encoders: Mapping[str, Encoder],
        fuse_video: Build | None,
        fuse_text: Build | None,
        seed: int,
        compute: Compute = CPU,
    ) -> None:
        super().__init__()
        self.method = method
        self.compute = compute
        self.encoders = encoders
        self.frozen = {name: encoder.frozen for name, encoder in encoders.items()}
        self.encode = {name: _compiled(one.encode, compute) for name, one in encoders.items()}
        self.trained = nn.ModuleDict(
            {
                name: one
                for name, one in encoders.items()
                if isinstance(one, nn.Module) and not one.frozen
            }
        )
        views: tuple[View, ...] = VIEWS if method.view_weights else VIEWS[:1]
        self.trunks = nn.ModuleDict()
        self.fusions = nn.ModuleDict()
        self.eyes = {view: _eye(view, encoders) for view in VIEWS}
        if method.objective and method.blocks is not None:
            roles = {
                "audio": "audio",
                "text": "text",
                **{f"video-{v}": self.eyes[v] for v in views},
            }
            for role, name in roles.items():
                if name in encoders:
                    with seeded(seed, role):
                        self.trunks[role] = Trunk(encoders[name].dim, method, method.blocks)
        self.plain: dict[str, Fusion] = {}
        builds = {**{f"video-{view}": fuse_video for view in views}, "text": fuse_text}
        for role, build in builds.items():
            if build is not None:
                with seeded(seed, f"fuse-{role}"):
                    self._keep(role, build())
        _fit(method, encoders, self.trunks)
        self.to(compute.device)
        if compute.compiled:
            for module in (*self.trunks.values(), *self.fusions.values()):
                module.compile()

    def _keep(self, role: str, fusion: Fusion) -> None:
        if isinstance(fusion, nn.Module):
            self.fusions[role] = fusion
        else:
            self.plain[role] = fusion

    def place(self, tokens: Tokens) -> Tokens:
        """Put tokens where the module lies."""
        if self.compute.device == "cpu":
            return tokens
        there = self.compute.device
        return Tokens(tokens.values.to(there), tokens.mask.to(there))

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
        role = f"video-{view if self.method.view_weights else VIEWS[0]}"
        picture = self._tokens(self.eyes[view], role, video)
        heard = ("audio", audio) if caption is None else ("text", caption)
        sound = self._tokens(heard[0], *heard)
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
        told = self._need("text", narration)
        if kind == "narration" or caption is None:
            return self._scaled(masked_mean(told))
        heard = self._need("text", caption)
        if kind == "sound_caption":
            return self._scaled(masked_mean(heard))
        return self._fuse("text", heard, told)

    def embed_sound(self, audio: Tokens) -> Tensor:
        """Embed sound alone, ``f_a`` of the paper's eq. 6: ``(B, D)``."""
        return self._scaled(masked_mean(self._need("audio", audio)))

    def standardise(self, moments: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Set mean and deviation of frozen tokens, by role, from the training split."""
        for role, (centre, spread) in moments.items():
            trunk = self.trunks[role]
            assert isinstance(trunk, Trunk)  # noqa: S101 - the dictionary holds nothing else
            trunk.standardise(centre, spread)

    def _need(self, role: str, given: Tokens) -> Tokens:
        tokens = self._tokens(role, role, given)
        if tokens is None:
            message = f"the method has no {role} encoder"
            raise ValueError(message)
        return tokens

    def _tokens(self, name: str, role: str, given: Tokens | None) -> Tokens | None:
        if given is None or name not in self.encoders:
            return None
        if not self.frozen[name]:
            given = self.encode[name](given.values, given.mask)
        if role not in self.trunks:
            return given
        tokens: Tokens = self.trunks[role](given)
        return tokens

    def _fuse(self, role: str, query: Tokens, context: Tokens) -> Tensor:
        fusion = self.plain.get(role)
        if role in self.fusions:
            fusion = self.fusions[role]
        return self._scaled(masked_mean(context) if fusion is None else fusion(query, context))

    def _scaled(self, vectors: Tensor) -> Tensor:
        """Unit length; a dot product is told apart from the cosine only when scores are made."""
        if self.method.similarity == "dot" and not self.training:
            return vectors
        return functional.normalize(vectors, dim=-1)


def _compiled(encode: Encode, compute: Compute) -> Encode:
    return torch.compile(encode) if compute.compiled else encode


def _fit(method: Method, encoders: Mapping[str, Encoder], trunks: nn.ModuleDict) -> None:
    """Refuse two encoders of different widths before one shared branch."""
    wide = {role: one.dim for role, one in encoders.items() if role in ("video", "video_exo")}
    if trunks and not method.view_weights and len(set(wide.values())) > 1:
        told = " and ".join(f"{role} of {dim} features" for role, dim in wide.items())
        raise UsageError(
            f"method {method.name!r} has {told} before one branch for both views; "
            "set view_weights=true"
        )


def _eye(view: View, encoders: Mapping[str, Encoder]) -> str:
    return "video_exo" if view == "exo" and "video_exo" in encoders else "video"


@contextmanager
def seeded(seed: int, role: str) -> Iterator[None]:
    """Draw torch's random numbers from (seed, role) inside, and restore its state after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(hash_json([seed, role])[:8], 16))
        yield
