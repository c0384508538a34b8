"""Tiny Llamas on disk: one of random weights, and one that always says `SAID`."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SAID = "[jar] (thump)"
"""No character occurs twice, so that each decides the next."""
MARKS = ("<|begin|>", "<|end|>", "<|user|>", "<|answer|>")
TEMPLATE = (
    "<|begin|>{% for m in messages %}<|user|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|answer|>{% endif %}"
)


def write_llama(
    folder: Path, *, says: str | None = SAID, template: str | None = TEMPLATE, seed: int = 0
) -> Path:
    """Save a Llama of one layer and a tokenizer of single bytes; ``says=None`` is random."""
    tokenizer = _make_tokenizer(template)
    size = len(tokenizer)
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=288,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.convert_tokens_to_ids(MARKS[0]),
        eos_token_id=tokenizer.convert_tokens_to_ids(MARKS[1]),
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
        if says is None:  # the default initialisation is so small that every answer is alike
            for weight in model.parameters():
                torch.nn.init.normal_(weight, std=0.3)
        else:
            _teach(model, tokenizer, says)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _make_tokenizer(template: str | None) -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    outer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=MARKS[0],
        eos_token=MARKS[1],
        additional_special_tokens=list(MARKS[2:]),
    )
    outer.chat_template = template
    return outer


def _teach(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, says: str) -> None:
    """Make each token decide the next: attention and feed-forward add nothing."""
    assert len(set(says)) == len(says)
    layer = model.model.layers[0]
    chain = tokenizer(says, add_special_tokens=False).input_ids
    (colon,) = tokenizer(":", add_special_tokens=False).input_ids
    end, begin = tokenizer.convert_tokens_to_ids([MARKS[1], MARKS[3]])
    with torch.no_grad():
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_().fill_diagonal_(1)
        model.lm_head.weight.zero_()
        for now, then in zip([*chain], [*chain[1:], end], strict=True):
            model.lm_head.weight[then, now] = 1
        for last in (begin, colon):  # the last token of the template, and of the fallback
            model.lm_head.weight[chain[0], last] = 1
