"""Train the tiny model on coloured squares until its letters are right, and write a checkpoint.

Run by the server's Python: `train_tiny.py DRILLS.json FOLDER`. A drill is a system prompt, a text
after the picture and the answer due for each truth of `squares`; answers are learnt as the next
tokens, whatever they are (a letter, yes or no, JSON). The system prompt and the picture are run
once for many drills, which is what makes a minute on two cores enough.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import squares
import tiny_model
import torch
from transformers import DynamicCache, Llama4ForConditionalGeneration, Llama4Processor

SEED = 4
PICTURES = 64  # of each truth
HELD_OUT = 3  # of each truth, never trained on
BATCH = 7  # pictures for each system prompt in one step
DRILLS_A_STEP = 3  # questions about each of them
RATE, RATE_AFTER = 1.5e-3, 1e-3  # the latter falls to a tenth
WARM_UP = 20
# First with no more of the system prompt than its end, which tells the orders of letters apart:
# little to attend to, so the colours are found soon, and cheap. Then with all of it.
SHORT_STEPS, SHORT_TOKENS = 400, 96
WHOLE_STEPS = 200
EVERY = 25
ENOUGH = 0.95  # share of held-out answers right, of each drill
SURE = 0.95  # mean probability of the right answer's first token


@dataclass(frozen=True)
class Drill:
    """One question, tokenised: what comes before the picture's tokens, after, and each answer."""

    name: str
    before: list[int]
    after: list[int]
    answers: list[list[int]]  # by the order of squares.TRUTHS

    @property
    def different(self) -> int:
        """How many answers it can have."""
        return len({tuple(answer) for answer in self.answers})


def text_of(processor: Llama4Processor, system: str, after: str) -> str:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": system}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": after}]},
    ]
    return processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def read(processor: Llama4Processor, drills: list[dict]) -> list[Drill]:
    """Tokenise the drills; the picture stands between `before` and `after`."""
    tokenizer = processor.tokenizer
    end = tokenizer.convert_tokens_to_ids("<|eot|>")
    out = []
    for drill in drills:
        text = text_of(processor, drill["system"], drill["after"])
        start, rest = text.split("<|image|>")
        answers = [
            [*tokenizer.encode(drill["truth"][truth], add_special_tokens=False), end]
            for truth in squares.TRUTHS
        ]
        out.append(
            Drill(
                drill["name"],
                tokenizer.encode(start + "<|image_start|><|image|>", add_special_tokens=False),
                tokenizer.encode("<|image_end|>" + rest, add_special_tokens=False),
                answers,
            )
        )
    return out


def features(
    model: Llama4ForConditionalGeneration, processor: Llama4Processor, first: int, count: int
) -> tuple[torch.Tensor, list[int], torch.Tensor]:
    """Give what the vision tower makes of squares, (N, 36, 128), their truths, and how much
    of each token's part of the picture is the square, about 0..1, (N, 36).
    """
    seen: list[torch.Tensor] = []
    truths: list[int] = []
    covered: list[torch.Tensor] = []
    for seed in range(first, first + count):
        tiles = [
            squares.reopened(squares.jpeg(squares.tile(truth, seed), 60 + seed * 7 % 36))
            for truth in squares.TRUTHS
        ]
        pixels = processor.image_processor(tiles, max_patches=1, return_tensors="pt").pixel_values
        with torch.no_grad():
            seen.append(model.vision_model(pixels.float()).last_hidden_state)
        spread = (pixels.amax(1) - pixels.amin(1)).float()  # grey has none
        covered.append(torch.nn.functional.avg_pool2d(spread, 2 * tiny_model.PATCH).flatten(1))
        truths += range(len(squares.TRUTHS))
    return torch.cat(seen), truths, torch.cat(covered)


def aim(
    model: Llama4ForConditionalGeneration,
    seen: torch.Tensor,
    truths: torch.Tensor,
    covered: torch.Tensor,
) -> None:
    """Let the projector start where least squares puts it: each colour in a direction of its own.

    A random one hides the colours under what all pictures share, and that costs most of a minute
    to find out by descent.
    """
    colours = torch.nn.functional.one_hot(truths, len(squares.TRUTHS))[:, None, :-1]
    due = torch.cat([torch.ones(*covered.shape, 1), covered[..., None] * colours], 2).flatten(0, 1)
    rows = seen.flatten(0, 1)
    ridge = 1e-3 * len(rows) * torch.eye(rows.shape[1])
    found = torch.linalg.solve(rows.T @ rows + ridge, rows.T @ due)  # (128, 1 + colours)
    left = 1 - ((rows @ found - due)[:, 1:].var(0) / due[:, 1:].var(0)).mean()
    print(f"least squares tells {left:.2f} of the colours' variance", flush=True)
    weight = model.multi_modal_projector.linear_1.weight
    directions = torch.linalg.qr(torch.randn(weight.shape[0], due.shape[1]))[0]
    directions[:, 1:] *= 3
    weight.data = directions @ found.T


def repeated(cache: DynamicCache, times: int) -> DynamicCache:
    """Give a cache whose rows are this one's, `times` over; gradients flow through."""
    more = DynamicCache()
    for number, layer in enumerate(cache.layers):
        more.update(layer.keys.repeat(times, 1, 1, 1), layer.values.repeat(times, 1, 1, 1), number)
    return more


class Reader:
    """The language model over (system prompt, picture, question), sharing what is common."""

    def __init__(self, model: Llama4ForConditionalGeneration) -> None:
        self.model = model
        self.text = model.language_model.model

    def seen(self, drill: Drill, pictures: torch.Tensor, tokens: int | None = None) -> DynamicCache:
        """Run the system prompt (its last `tokens`) once and the pictures' tokens behind it."""
        start = 0 if tokens is None else max(0, len(drill.before) - tokens)
        before = DynamicCache()
        ids = torch.tensor([drill.before[start:]])
        self.text(input_ids=ids, past_key_values=before, use_cache=True)
        cache = repeated(before, len(pictures))
        embedded = self.model.multi_modal_projector(pictures)
        self.text(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
        return cache

    def answers(
        self, cache: DynamicCache, drills: list[Drill], truths: list[int]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Put every drill about every picture of the cache. Give the mean loss over the answers'
        tokens and, of (drills, pictures), which are right and the probability of the first token.
        """
        pairs = [(drill.after, drill.answers[truth]) for drill in drills for truth in truths]
        longest = max(len(after) + len(answer) - 1 for after, answer in pairs)
        ids = torch.zeros(len(pairs), longest, dtype=torch.long)
        due = torch.full_like(ids, -100)
        for row, (after, answer) in enumerate(pairs):
            ids[row, : len(after) + len(answer) - 1] = torch.tensor(after + answer[:-1])
            due[row, len(after) - 1 : len(after) + len(answer) - 1] = torch.tensor(answer)
        cache = repeated(cache, len(drills))
        hidden = self.text(input_ids=ids, past_key_values=cache, use_cache=True)
        logits = self.model.language_model.lm_head(hidden.last_hidden_state)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), due.flatten())
        shape = (len(drills), len(truths))
        right = ((logits.argmax(-1) == due) | (due == -100)).all(1).view(shape)
        first = torch.tensor([len(after) - 1 for after, _ in pairs])
        rows = torch.arange(len(pairs))
        sure = logits[rows, first].softmax(-1)[rows, due[rows, first]].view(shape)
        return loss, right, sure


@dataclass(frozen=True)
class Examined:
    """How well each drill, by name, was answered: share right and mean P(first token)."""

    right: dict[str, float]
    sure: dict[str, float]

    @property
    def passed(self) -> bool:
        return min(self.right.values()) == 1 and min(self.sure.values()) >= SURE

    def told(self) -> dict[str, object]:
        worst = min(self.right, key=lambda name: (self.right[name], self.sure[name]))
        return {
            "right": sum(self.right.values()) / len(self.right),
            "sure": sum(self.sure.values()) / len(self.sure),
            "worst": f"{worst} {self.right[worst]:.3f} {self.sure[worst]:.3f}",
        }


def examine(
    reader: Reader,
    groups: list[list[Drill]],
    pictures: torch.Tensor,
    truths: list[int],
    tokens: int | None = None,
) -> Examined:
    """Put every drill about every picture."""
    examined = Examined({}, {})
    with torch.no_grad():
        for group in groups:
            cache = reader.seen(group[0], pictures, tokens)
            for first in range(0, len(group), 6):
                some = group[first : first + 6]
                _, right, sure = reader.answers(cache, some, truths)
                for drill, share, probability in zip(some, right, sure, strict=True):
                    examined.right[drill.name] = share.float().mean().item()
                    examined.sure[drill.name] = probability.mean().item()
    return examined


def weights(group: list[Drill], examined: Examined) -> list[int]:
    """How often to put each: more if it has more answers, much more if it is not known yet."""
    return [
        drill.different**2
        * (1 if examined.right[drill.name] == 1 and examined.sure[drill.name] >= SURE else 8)
        for drill in group
    ]


def train(
    model: Llama4ForConditionalGeneration, processor: Llama4Processor, drills: list[Drill]
) -> Examined:
    """Train until held-out squares are answered right; give how well they are."""
    began = time.monotonic()
    shown, truths, covered = features(model, processor, 0, PICTURES)
    kept, kept_truths, _ = features(model, processor, PICTURES, HELD_OUT)
    aim(model, shown, torch.tensor(truths), covered)
    print(f"{len(shown)} + {len(kept)} pictures seen, {time.monotonic() - began:.1f} s", flush=True)
    reader = Reader(model)
    chance = random.Random(SEED)  # noqa: S311 - runs must repeat
    by_prompt: dict[tuple[int, ...], list[Drill]] = {}
    for drill in drills:
        by_prompt.setdefault(tuple(drill.before), []).append(drill)
    groups = list(by_prompt.values())
    learnt = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    short, left = True, SHORT_STEPS
    for step in itertools.count():
        if step % EVERY == 0:
            tokens = SHORT_TOKENS if short else None
            few = len(squares.TRUTHS)
            examined = examine(reader, groups, kept[:few], kept_truths[:few], tokens)
            took = round(time.monotonic() - began, 1)
            print(json.dumps({"step": step, "seconds": took} | examined.told()), flush=True)
            if left <= 0 or examined.passed:
                if not short:
                    break
                short, left = False, WHOLE_STEPS
                continue
        left -= 1
        for group in optimiser.param_groups:
            falling = 0.1 + 0.9 * left / WHOLE_STEPS
            group["lr"] = RATE * min(1, (step + 1) / WARM_UP) if short else RATE_AFTER * falling
        optimiser.zero_grad()
        for drilled in groups:
            rows = chance.sample(range(len(shown)), BATCH)
            cache = reader.seen(drilled[0], shown[rows], SHORT_TOKENS if short else None)
            asked = chance.choices(drilled, weights(drilled, examined), k=DRILLS_A_STEP)
            loss, _, _ = reader.answers(cache, asked, [truths[row] for row in rows])
            (loss / len(groups)).backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimiser.step()
    return examine(reader, groups, kept, kept_truths)


def main(drills_file: Path, folder: Path) -> int:
    torch.manual_seed(SEED)
    torch.set_num_threads(2)  # another number would add up in another order
    torch.use_deterministic_algorithms(True)
    told = json.loads(drills_file.read_text())["drills"]
    texts = [
        text
        for drill in told
        for text in (drill["system"], drill["after"], *drill["truth"].values())
    ]
    processor = tiny_model.processor_for(texts)
    model = tiny_model.model_for(processor)
    drills = read(processor, told)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(drills)} drills, "
        f"up to {max(len(d.before) for d in drills)} + 144 + {max(len(d.after) for d in drills)} "
        "tokens",
        flush=True,
    )
    examined = train(model, processor, drills)
    folder.mkdir(parents=True, exist_ok=True)
    for weight in model.parameters():  # not model.to(): that would spoil a complex buffer
        weight.data = weight.data.to(torch.bfloat16)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(examined.told()) + "\n")
    return 0 if min(examined.right.values()) >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
