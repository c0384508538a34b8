"""SoundBridge as released: four parts, each with its share of one checkpoint."""

import math
from collections.abc import Callable
from functools import partial

import torch
from clip_cases import text_tower, video_tower
from golden_file import Golden
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.toolbox.checkpoint import load_state_dict_strict
from egoexobench.types import Tokens
from egoexobench_plugins.clip_text import model as clip
from egoexobench_plugins.info_nce import info_nce
from egoexobench_plugins.soundbridge_released.model import Shape, Text, Video, names
from egoexobench_plugins.timesformer import checkpoint as published


class Released:
    """The parts; no key is left or taken twice."""

    def __init__(self, golden: Golden) -> None:
        config, state = golden.config, golden.state
        self.variant = config["variant"]
        self.video, self.text = video_tower(golden, "egoexo"), text_tower(golden)
        shape = Shape(
            config["embed_dim"],
            config["attn_heads"],
            config["fusion_heads"],
            config["audio_dim"],
            config["fusion_ffn"],
        )
        self.heard = Video(shape, self.variant, "embedding").eval()
        self.features = self.heard  # the variant cha projects no sound
        if self.variant != "cha":
            self.features = Video(shape, self.variant, "features").eval()
        self.told = Text(shape, self.variant).eval()
        for part in (self.heard, self.features, self.told):
            load_state_dict_strict(
                part, {k: state[k] for k in names(state, part.HEADS)}, golden.name
            )
        taken = [*published.names(state), *clip.names(state), "logit_scale"]
        taken += [*names(state, Video.HEADS), *names(state, Text.HEADS)]
        assert sorted(taken) == sorted(state), "a weight is left or taken twice"

    def image(self, fusion: Video, video: Tensor, query: Tokens) -> Tensor:
        return fusion(query, _token(self.video.embed(video.transpose(1, 2))))

    def texts(self, tokens: Tensor, caption_tokens: Tensor) -> tuple[Tensor, Tensor]:
        caption = self.text.embed(caption_tokens)
        return self.told(_token(caption), _token(self.text.embed(tokens))), caption

    def shaped(self, caption: Tensor) -> Tensor:
        """With the axis of length one that two of the variants leave, as released."""
        return caption if self.variant == "retrieval" else caption[None]


def _token(vectors: Tensor) -> Tokens:
    return Tokens(vectors[:, None], torch.ones(len(vectors), 1, dtype=torch.bool))


CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "forward": torch.clone,
    "forward_norm": partial(normalize, dim=-1),
}


@torch.inference_mode()
def whole(golden: Golden) -> dict[str, Tensor]:
    """Training's forward pass on features, evaluation's on the caption, and the loss where it runs.

    Evaluation gives the caption's embedding to the video side.
    """
    ours, given = Released(golden), golden.given
    audio = given["audio"]
    query = Tokens(audio, torch.ones(audio.shape[:2], dtype=torch.bool))
    image = ours.image(ours.features, given["video"], query)
    text, caption = ours.texts(given["tokens"], given["caption_tokens"])
    found = {
        "eval.text_embed": text,
        "eval.caption_embed": ours.shaped(caption),
        "eval.image_embed": ours.image(ours.heard, given["video"], _token(caption)),
    }
    for call, change in CALLS.items():
        found[f"{call}.image_embed"] = change(image)
        found[f"{call}.text_embed"] = change(text)
        found[f"{call}.audio_embed"] = ours.shaped(change(caption))
        found[f"{call}.logit_scale"] = golden.state["logit_scale"].exp()
    losses = any(name.startswith("loss.") for name in golden.wanted)
    return found | (_losses(golden) if losses else {})


def _losses(golden: Golden) -> dict[str, Tensor]:
    """Of image and text, which is all that is trained on; that of the caption is only logged."""
    scale = float(golden.state["logit_scale"])
    objective = info_nce(denominator="all", symmetric=True, temperature=math.exp(-scale))
    image, text, caption = (
        normalize(golden.wanted[f"forward.{kind}_embed"], dim=-1)
        for kind in ("image", "text", "audio")
    )
    # the objective adds the loss of two views; giving both the same rows doubles it
    own = objective(image, image, text, text, []) / 2
    logged = objective(caption, caption, text, text, []) / 2
    return {"loss.image_text": own, "loss.total": own, "loss.caption_text_logged_only": logged}
