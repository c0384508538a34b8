"""LaViLa, EgoExo and EgoInstructor's retriever: CLIP's text tower beside a tower of frames."""

import torch
from frozen_cases import get_space_time_config
from golden_file import VARIANT_MARK, GoldenFile
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from egoexobench.types import Tokens
from egoexobench_plugins.clip_text.model import (
    CLIPTextConfig,
    CLIPTextEncoder,
    remap_clip_text_keys,
)
from egoexobench_plugins.egoinstructor_aggregator.model import (
    FeatureAggregator,
    remap_aggregator_keys,
)
from egoexobench_plugins.timesformer.checkpoint import load_pretrained, remap_timesformer_keys
from egoexobench_plugins.timesformer.encoder import TimeSformerEncoder
from egoexobench_plugins.timesformer.model import SpaceTimeTransformer
from egoexobench_plugins.timesformer.systems import SYSTEMS

SYSTEM = {"lavila-clip": "lavila", "egoexo": "egoexo"}


@torch.inference_mode()
def compute_video_tower(golden: GoldenFile) -> dict[str, Tensor]:
    """LaViLa's video tower alone."""
    visual = SpaceTimeTransformer(get_space_time_config(golden.config)).eval()
    visual.load_state_dict(dict(golden.state), strict=True)
    clips = golden.get_inputs("video")
    return {f"cls_feature{k}": visual(clip.transpose(1, 2))[:, 0] for k, clip in clips.items()}


def build_text_tower(golden: GoldenFile) -> CLIPTextEncoder:
    config = golden.config
    assert config.get("text_activation", config.get("activation")) == "quick_gelu"
    model_config = CLIPTextConfig(
        context=config["context_length"],
        width=config["text_width"],
        heads=config["text_heads"],
        depth=config["text_layers"],
        project=config["embed_dim"],
        vocabulary=config["vocab_size"],
        eps=config.get("text_ln_eps", config.get("ln_eps")),
    )
    encoder = CLIPTextEncoder(model_config, "pooled", "released", False)
    encoder.load_pretrained(golden.state, golden.name)
    return encoder


def build_video_tower(golden: GoldenFile, system: str) -> TimeSformerEncoder:
    published = SYSTEMS[system]
    model_config = get_space_time_config(golden.config["visual"], stretch=published.stretch)
    encoder = TimeSformerEncoder(
        model_config, published, output="cls", project=golden.config["embed_dim"], trained=False
    )
    load_pretrained(encoder, golden.state, published.inflate, golden.name)
    return encoder


def _embed_texts(golden: GoldenFile, encoder: CLIPTextEncoder) -> dict[str, Tensor]:
    token_ids = golden.get_inputs("tokens")
    outputs = {f"text_embed{case}": encoder.embed(ids) for case, ids in token_ids.items()}
    outputs["forward_norm.text_embed"] = normalize(outputs["text_embed"], dim=-1)
    outputs["forward_norm.logit_scale"] = golden.state["logit_scale"].exp()
    if "texts" in golden.metadata:  # strings for our tokenizer, padded like a batch of the harness
        arrays = [torch.from_numpy(encoder.prepare(text)) for text in golden.metadata["texts"]]
        padded = pad_sequence(arrays, batch_first=True, padding_value=7)
        mask = torch.arange(padded.shape[1]) < torch.tensor([[len(array)] for array in arrays])
        tokens = encoder.encode(padded, mask).values
        outputs[f"text_embed{VARIANT_MARK}strings"] = tokens[:, 0]
    return outputs


@torch.inference_mode()
def compute_dual_encoder(golden: GoldenFile) -> dict[str, Tensor]:
    """Both towers of LaViLa and EgoExo; embeddings without and with unit length."""
    video = build_video_tower(golden, SYSTEM[golden.metadata["system"]])
    text = build_text_tower(golden)
    used_keys = [
        *remap_timesformer_keys(golden.state),
        *remap_clip_text_keys(golden.state),
        "logit_scale",
    ]
    assert sorted(used_keys) == sorted(golden.state), "a weight is unused or used twice"
    outputs = _embed_texts(golden, text)
    for case, clip in golden.get_inputs("video").items():
        frames = clip.transpose(1, 2)
        outputs[f"image_embed{case}"] = video.embed(frames)
        outputs[f"image_feature{case}"] = video.visual(frames)[:, 0]
    image = outputs["image_embed"]
    outputs["forward_norm.image_embed"] = normalize(image, dim=-1)
    outputs["mcq_scores"] = image[:1] @ image.T
    return outputs


@torch.inference_mode()
def compute_retriever(golden: GoldenFile) -> dict[str, Tensor]:
    """EgoInstructor's aggregator of features beside its text tower."""
    config = golden.config
    sizes = ("visual_width", "visual_layers", "visual_heads", "embed_dim", "ln_eps")
    fusion = FeatureAggregator(*(config[size] for size in sizes)).eval()
    fusion.load_pretrained(golden.state, golden.name)
    used_keys = [
        *remap_aggregator_keys(golden.state),
        *remap_clip_text_keys(golden.state),
        "logit_scale",
    ]
    assert sorted(used_keys) == sorted(golden.state), "a weight is unused or used twice"
    outputs = _embed_texts(golden, build_text_tower(golden))
    for case, values in golden.get_inputs("features").items():
        seconds = Tokens(values, torch.ones(values.shape[:2], dtype=torch.bool))
        outputs[f"image_embed{case}"] = fusion(seconds, seconds)
        outputs[f"image_tokens{case}"] = fusion.compute_states(seconds)
    outputs["forward_norm.image_embed"] = normalize(outputs["image_embed"], dim=-1)
    return outputs
