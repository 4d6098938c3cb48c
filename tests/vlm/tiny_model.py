"""The smallest model of Llama 4's architecture that can be right or wrong about coloured squares.

Run by the server's Python. Same parts as Scout (vision tower with pixel shuffle, one tile of
336 px, routed and shared experts, a layer without positions every fourth, Llama 4's
special tokens and chat template), about a million parameters and a vocabulary of its own.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Llama4Config,
    Llama4ForConditionalGeneration,
    Llama4ImageProcessor,
    Llama4Processor,
    PreTrainedTokenizerFast,
)

SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|header_start|>",
    "<|header_end|>",
    "<|eom|>",
    "<|eot|>",
    "<|step|>",
    "<|python_start|>",
    "<|python_end|>",
    "<|finetune_right_pad|>",
    "<|image_start|>",
    "<|image_end|>",
    "<|tile_x_separator|>",
    "<|tile_y_separator|>",
    "<|image|>",
    "<|patch|>",
)
# One token each in Llama 4's vocabulary too; an answer of one token needs them.
WHOLE = tuple(
    space + word
    for space in ("", " ")
    for word in (*string.ascii_uppercase, "yes", "no", "Yes", "No", "none", "None")
)
VOCABULARY = 2048
POSITIONS = 32768
PATCH = 28  # px; twice Scout's, for a quarter of the tokens: 36 a picture


def processor_for(texts: Iterable[str]) -> Llama4Processor:
    """Learn a byte-pair vocabulary from the texts the model will meet; wrap it as Llama 4's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # Repeated, because a merge is learnt by how often it is met.
    met = [*sorted(texts), *(word for word in WHOLE for _ in range(2000))]
    tokenizer.train_from_iterator(
        met,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY - len(SPECIAL),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",  # noqa: S106 - a word of the vocabulary
        eos_token="<|eot|>",  # noqa: S106 - same
        pad_token="<|finetune_right_pad|>",  # noqa: S106 - same
        model_max_length=POSITIONS,
    )
    for word in WHOLE:
        if len(wrapped.encode(word, add_special_tokens=False)) != 1:
            raise ValueError(f"{word!r} is not one token of the vocabulary learnt")
    return Llama4Processor(
        image_processor=Llama4ImageProcessor(size={"height": 336, "width": 336}, max_patches=16),
        tokenizer=wrapped,
        patch_size=PATCH,
    )


def model_for(processor: Llama4Processor) -> Llama4ForConditionalGeneration:
    """Build the model, in float32, with weights drawn from torch's seed."""
    tokenizer = processor.tokenizer
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    vision = {
        "hidden_size": 176,  # two heads of 88, as Scout's
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 704,  # four times: what pixel shuffle stacks
        "image_size": 336,
        "patch_size": PATCH,
        "vision_output_dim": 128,
        "projector_input_dim": 128,
        "projector_output_dim": 128,
        "pixel_shuffle_ratio": 0.5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "initializer_range": 0.06,
    }
    text = {
        "vocab_size": (len(tokenizer) + 63) // 64 * 64,
        "hidden_size": 64,
        "intermediate_size": 128,
        "intermediate_size_mlp": 256,
        "num_hidden_layers": 2,
        "no_rope_layer_interval": 2,  # the second has no positions, as every fourth of Scout
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 1,
        "max_position_embeddings": POSITIONS,
        "attention_chunk_size": 8192,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        "bos_token_id": ids["<|begin_of_text|>"],
        "eos_token_id": [ids["<|end_of_text|>"], ids["<|eom|>"], ids["<|eot|>"]],
        "pad_token_id": ids["<|finetune_right_pad|>"],
        "initializer_range": 0.06,
    }
    config = Llama4Config(
        vision_config=vision,
        text_config=text,
        boi_token_index=ids["<|image_start|>"],
        eoi_token_index=ids["<|image_end|>"],
        image_token_index=ids["<|patch|>"],
    )
    model = Llama4ForConditionalGeneration(config)
    # Held still: random features tell colours apart, and their output can then be kept.
    model.vision_model.requires_grad_(requires_grad=False)
    return model
