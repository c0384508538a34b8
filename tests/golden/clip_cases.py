"""LaViLa, EgoExo and EgoInstructor's retriever: CLIP's text tower beside a tower of frames."""

import torch
from frozen_cases import space_time
from golden_file import AGAIN, Golden
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from egoexobench.types import Tokens
from egoexobench_plugins.clip_text import model as clip
from egoexobench_plugins.egoinstructor_aggregator import model as features
from egoexobench_plugins.timesformer.checkpoint import fit, names
from egoexobench_plugins.timesformer.encoder import TimeSformer
from egoexobench_plugins.timesformer.model import SpaceTime
from egoexobench_plugins.timesformer.systems import SYSTEMS

SYSTEM = {"lavila-clip": "lavila", "egoexo": "egoexo"}


@torch.inference_mode()
def tower(golden: Golden) -> dict[str, Tensor]:
    """LaViLa's video tower alone."""
    visual = SpaceTime(space_time(golden.config)).eval()
    visual.load_state_dict(dict(golden.state), strict=True)
    clips = golden.inputs("video")
    return {f"cls_feature{k}": visual(clip.transpose(1, 2))[:, 0] for k, clip in clips.items()}


def text_tower(golden: Golden) -> clip.ClipText:
    config = golden.config
    assert config.get("text_activation", config.get("activation")) == "quick_gelu"
    shape = clip.Shape(
        config["context_length"],
        config["text_width"],
        config["text_heads"],
        config["text_layers"],
        config["embed_dim"],
        vocabulary=config["vocab_size"],
        eps=config.get("text_ln_eps", config.get("ln_eps")),
    )
    encoder = clip.ClipText(shape, "pooled", "released", False)
    encoder.fit(golden.state, golden.name)
    return encoder


def video_tower(golden: Golden, system: str) -> TimeSformer:
    chosen = SYSTEMS[system]
    shape = space_time(golden.config["visual"], stretch=chosen.stretch)
    encoder = TimeSformer(shape, chosen, "cls", golden.config["embed_dim"], False)
    fit(encoder, golden.state, chosen.inflate, golden.name)
    return encoder


def _texts(golden: Golden, encoder: clip.ClipText) -> dict[str, Tensor]:
    found = {f"text_embed{k}": encoder.embed(ids) for k, ids in golden.inputs("tokens").items()}
    found["forward_norm.text_embed"] = normalize(found["text_embed"], dim=-1)
    found["forward_norm.logit_scale"] = golden.state["logit_scale"].exp()
    if "texts" in golden.about:  # strings, cut by our tokenizer and padded by the harness
        arrays = [torch.from_numpy(encoder.prepare(text)) for text in golden.about["texts"]]
        padded = pad_sequence(arrays, batch_first=True, padding_value=7)
        mask = torch.arange(padded.shape[1]) < torch.tensor([[len(one)] for one in arrays])
        found[f"text_embed{AGAIN}strings"] = encoder.encode(padded, mask).values[:, 0]
    return found


@torch.inference_mode()
def dual(golden: Golden) -> dict[str, Tensor]:
    """Both towers of LaViLa and EgoExo; embeddings as they are, and of unit length."""
    video, text = video_tower(golden, SYSTEM[golden.about["system"]]), text_tower(golden)
    taken = [*names(golden.state), *clip.names(golden.state), "logit_scale"]
    assert sorted(taken) == sorted(golden.state), "a weight is left or taken twice"
    found = _texts(golden, text)
    for case, one in golden.inputs("video").items():
        frames = one.transpose(1, 2)
        found[f"image_embed{case}"] = video.embed(frames)
        found[f"image_feature{case}"] = video.visual(frames)[:, 0]
    image = found["image_embed"]
    found["forward_norm.image_embed"] = normalize(image, dim=-1)
    found["mcq_scores"] = image[:1] @ image.T
    return found


@torch.inference_mode()
def retriever(golden: Golden) -> dict[str, Tensor]:
    """EgoInstructor's aggregator of features beside its text tower."""
    config = golden.config
    sizes = ("visual_width", "visual_layers", "visual_heads", "embed_dim", "ln_eps")
    fusion = features.Aggregator(*(config[size] for size in sizes)).eval()
    fusion.fit(golden.state, golden.name)
    taken = [*features.names(golden.state), *clip.names(golden.state), "logit_scale"]
    assert sorted(taken) == sorted(golden.state), "a weight is left or taken twice"
    found = _texts(golden, text_tower(golden))
    for case, values in golden.inputs("features").items():
        seconds = Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))
        found[f"image_embed{case}"] = fusion(seconds, seconds)
        found[f"image_tokens{case}"] = fusion.states(seconds)
    found["forward_norm.image_embed"] = normalize(found["image_embed"], dim=-1)
    return found
