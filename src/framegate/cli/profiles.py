"""How profiles of vision models are shown: their hardware, their fit, their licence."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from framegate.domain.vision import Profile
from framegate.planner.fit import GIB, Fit

FITTING = "`framegate models profiles` lists profiles that fit"


def facts(profile: Profile, fit: Fit | None) -> list[tuple[str, str]]:
    """What is said of a profile, line by line."""
    rows: list[tuple[str, str]] = []
    if profile.model:
        rows.append(("model", f"{profile.model}, {profile.quantisation.value}"))
    if fit is not None:
        rows += [("memory", memory(fit)), ("fits", "yes" if fit.fits else f"NO: {fit.why}")]
    else:
        rows.append(("fits", "not known: it names no architecture and card"))
    rows.append(("rates", rates(profile)))
    rows.append(("a minute", budget(profile)))
    if profile.licence:
        rows.append(("licence", profile.licence))
    if profile.licence_warning:
        rows.append(("warning", profile.licence_warning))
    if profile.source:
        rows.append(("source", profile.source))
    return rows


def memory(fit: Fit) -> str:
    """Where a card's memory goes."""
    return (
        f"weights {fit.weights_bytes / GIB:.1f} GiB ({fit.weights_per_card_bytes / GIB:.1f} a card)"
        f", working memory {fit.reserve_bytes / GIB:.1f}, of {fit.budget_bytes / GIB:.1f} GiB a "
        f"card; KV cache for {fit.kv_tokens:,} tokens, {fit.kv_tokens_needed:,} needed; "
        f"margin {fit.margin_bytes / GIB:+.1f} GiB a card"
    )


def rates(profile: Profile) -> str:
    """What the server was measured to answer."""
    if profile.triage_calls_s is None:
        return f"not measured; p95 is held under {profile.p95_ms} ms"
    said = f"measured: {profile.triage_calls_s:g} triage answers/s"
    if profile.detail_calls_s is not None:
        said += f" or {profile.detail_calls_s:g} detail answers/s"
    return said


def budget(profile: Profile) -> str:
    """What one minute of video may ask."""
    return (
        f"{profile.triage_calls:g} triage and {profile.detail_calls:g} detail questions, "
        f"at {profile.load:.0%} of the server's time"
    )


def remarks(profile: Profile) -> Iterator[str]:
    """Before the command: what to know of it."""
    yield profile.summary
    if profile.server:
        yield f"written for {profile.server}; without a network: HF_HUB_OFFLINE=1"
    if profile.licence_warning:
        yield f"licence: {profile.licence_warning}"


def shell_lines(words: Sequence[str]) -> str:
    """The command for a shell, an option a line."""
    lines = [shlex.join(words[:3])]
    for word in words[3:]:
        if word.startswith("--"):
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return " \\\n".join(lines)
