"""Whether a model fits the cards it is to be served on, and what is left for its KV cache. Pure.

Per card: weights (split by tensor parallelism) + reserve + KV cache ≤ memory x the share that the
server may take. The figures that this rests on are in `catalogue.toml`, each with its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from framegate.domain.vision import Profile, Quantisation

GIB = 1 << 30
_BF16 = 2  # bytes; also of each entry of the KV cache
_BITS = {Quantisation.INT4: 4, Quantisation.INT8: 8, Quantisation.FP8: 8, Quantisation.BF16: 16}
_QUESTION_TOKENS = 64  # after the pictures, with the template's own


class Quantised(StrEnum):
    """Which weights a quantised checkpoint has quantised."""

    FEED_FORWARD = "feed-forward"  # experts, shared experts, dense feed-forward


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a model; ``projector`` counts the parameters between vision and text.

    ``shared_width`` is that of the feed-forward that every token passes: the shared expert, or the
    only one of a model without experts. Each has three matrices (gate, up, down).
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    experts_active: int
    expert_width: int
    shared_width: int
    vocabulary: int
    vision_layers: int
    vision_hidden: int
    vision_width: int
    projector: int
    quantised: Quantised
    group: int  # weights that share a 16-bit scale in 4-bit checkpoints
    source: str

    @property
    def feed_forward(self) -> int:
        """Parameters of all experts and of the shared feed-forward."""
        width = self.experts * self.expert_width + self.shared_width
        return self.layers * 3 * self.hidden * width

    @property
    def rest(self) -> int:
        """Parameters of attention, routers, embeddings and output, vision tower and projector."""
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        vision = 4 * self.vision_hidden**2 + 2 * self.vision_hidden * self.vision_width
        return (
            self.layers * (attention + self.hidden * self.experts)
            + 2 * self.vocabulary * self.hidden
            + self.vision_layers * vision
            + self.projector
        )

    @property
    def parameters(self) -> int:
        """All of them."""
        return self.feed_forward + self.rest

    @property
    def active(self) -> int:
        """Those that one text token passes, embeddings included."""
        width = self.experts_active * self.expert_width + self.shared_width
        vision = self.vision_layers * (
            4 * self.vision_hidden**2 + 2 * self.vision_hidden * self.vision_width
        )
        return self.layers * 3 * self.hidden * width + self.rest - vision - self.projector

    def weights_bytes(self, quantisation: Quantisation) -> int:
        """Of the whole model, scales included."""
        stored = self.feed_forward * _BITS[quantisation] // 8
        if quantisation is Quantisation.INT4:
            stored += self.feed_forward // self.group * _BF16
        return stored + self.rest * _BF16

    def kv_bytes(self, tensor_parallel: int) -> int:
        """Of one token on one card; heads that cannot be split are held by several cards."""
        heads = max(1, self.kv_heads // tensor_parallel)
        return 2 * self.layers * heads * self.head_dim * _BF16


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU. ``memory_gib`` is what CUDA reports, ``nominal_gb`` what its name says."""

    name: str
    nominal_gb: int
    memory_gib: float
    source: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """What else takes memory on a card; see the data file."""

    context_gib: float
    peers_gib: float
    activation_widths: int
    logit_bytes: int
    fragmentation: float
    source: str


@dataclass(frozen=True, slots=True)
class Fit:
    """Bytes are per card. ``margin_bytes`` is what is left when the KV cache holds
    ``kv_tokens_needed``, or, below 0, what is missing; ``kv_tokens`` is what it can hold.
    """

    fits: bool
    why: str
    weights_bytes: int  # of the whole model
    weights_per_card_bytes: int
    reserve_bytes: int
    budget_bytes: int  # of the card, times the share
    kv_tokens: int
    kv_tokens_needed: int
    margin_bytes: int


def fit(profile: Profile, architecture: Architecture, card: Card, reserve: Reserve) -> Fit:
    """Whether the profile's server fits its cards, and how well."""
    parallel = profile.tensor_parallel
    whole = architecture.weights_bytes(profile.quantisation)
    weights = -(-whole // parallel)
    budget = int(card.memory_gib * GIB * profile.memory_share)
    held = _reserve(profile, architecture, reserve, budget)
    kv = architecture.kv_bytes(parallel)
    needed = tokens_needed(profile)
    room = budget - weights - held
    margin = room - needed * kv
    why = _unsplit(profile, architecture) or _short(profile, card, weights, room, margin)
    return Fit(
        fits=not why,
        why=why,
        weights_bytes=whole,
        weights_per_card_bytes=weights,
        reserve_bytes=held,
        budget_bytes=budget,
        kv_tokens=max(0, room // kv),
        kv_tokens_needed=needed,
        margin_bytes=margin,
    )


def tokens_needed(profile: Profile) -> int:
    """Of the KV cache: the shared beginning once, the rest for each request in flight; and never
    less than the longest request that the server is to take.
    """
    each = (
        profile.frames_per_request * profile.tokens_per_frame
        + _QUESTION_TOKENS
        + profile.answer_tokens
    )
    flying = min(profile.most_in_flight, profile.max_num_seqs)
    return max(profile.max_model_len, profile.prefix_tokens + flying * each)


def _reserve(profile: Profile, architecture: Architecture, reserve: Reserve, budget: int) -> int:
    widths = reserve.activation_widths * architecture.hidden
    activations = profile.max_batched_tokens * widths * _BF16
    logits = profile.max_num_seqs * architecture.vocabulary * reserve.logit_bytes
    fixed = reserve.context_gib + (reserve.peers_gib if profile.tensor_parallel > 1 else 0)
    return activations + logits + int(fixed * GIB + reserve.fragmentation * budget)


def _unsplit(profile: Profile, architecture: Architecture) -> str:
    """Why the model cannot be split over the cards; empty when it can."""
    parallel = profile.tensor_parallel
    if parallel != profile.gpus:
        return f"it is split over {parallel} of {profile.gpus} cards: make the two the same"
    if architecture.heads % parallel:
        return f"{architecture.heads} attention heads cannot be split over {parallel} cards"
    return ""


def _short(profile: Profile, card: Card, weights: int, room: int, margin: int) -> str:
    """What is missing; empty when nothing is."""
    where = f"{profile.gpus} x {card.name}"
    if weights > card.memory_gib * GIB:
        return (
            f"it cannot fit on {where}: the weights alone take {weights / GIB:.1f} GiB a card, "
            f"and a card has {card.memory_gib:.1f} GiB"
        )
    if room < 0:
        return (
            f"{-room / GIB:.1f} GiB a card are missing on {where}: weights take "
            f"{weights / GIB:.1f} GiB, and there is no room to work in"
        )
    if margin < 0:
        return (
            f"{-margin / GIB:.1f} GiB a card are missing on {where} for the KV cache: fewer "
            "requests in flight or a shorter max_model_len would do"
        )
    return ""
