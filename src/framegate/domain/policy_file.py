"""The policy file: bytes of TOML in, a checked `Policy` out. Pure.

Versions 1 and 2 of the format are read (`framegate.domain.policy_format`).
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from framegate.domain.policy import Action, Audience, Condition, Policy, Rule, Terms
from framegate.domain.policy_format import (
    ConditionEntry,
    PolicyFile,
    PolicyFileV1,
    RuleEntry,
    RuleEntryV1,
)
from framegate.errors import PolicyInvalid

SCHEMA_VERSION = 2
MAX_BYTES = 1 << 20  # a policy is read by people; a megabyte is a mistake or an attack

BLUR_MARGIN_S = 0.5
"""Blurred before and after what a look found, where a rule says nothing else: a score may sink
below its threshold a moment before the thing is gone."""

_TOLD = 3  # faults in an error; `framegate policy check` tells all
_FORMATS: dict[object, type[PolicyFile | PolicyFileV1]] = {1: PolicyFileV1, 2: PolicyFile}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a file, and where: ``line`` counts from 1, 0 is the file as a whole."""

    line: int
    key: str  # as a person would point at it: ``rule 2: threshold``
    words: str


def load_policy(data: bytes, name: str = "policy") -> Policy:
    """Check and read a policy file; ``name`` is shown in errors.

    Raises `PolicyInvalid` with the place: line and column of bad TOML, the key of a bad value.
    """
    found = read_policy(data)
    if isinstance(found, Policy):
        return found
    told = [
        f"{fault.key}{f' (line {fault.line})' if fault.line else ''}: {fault.words}"
        if fault.key
        else fault.words
        for fault in found[:_TOLD]
    ]
    more = f" (and {len(found) - _TOLD} more)" if len(found) > _TOLD else ""
    raise PolicyInvalid(f"{name} cannot be used as a policy", "; ".join(told) + more)


def read_policy(data: bytes) -> Policy | tuple[Fault, ...]:
    """The policy, or everything that is wrong with the file."""
    table = _table(data)
    if isinstance(table, Fault):
        return (table,)
    # a version that is missing or strange is told by the newest format
    version = table.get("schema_version")
    known = isinstance(version, int) and version in _FORMATS
    try:
        file = _FORMATS[version if known else SCHEMA_VERSION].model_validate(table)
    except ValidationError as error:
        return _faults(error, data.decode())
    return _policy(file, hashlib.sha256(data).hexdigest())


def policy_schemas() -> dict[str, str]:
    """File name to text of the JSON schemas, as they ship beside the default policy."""
    return {
        "policy.schema.json": _schema(PolicyFile, 2),
        "policy-1.schema.json": _schema(PolicyFileV1, 1),
    }


def _schema(kind: type[PolicyFile | PolicyFileV1], version: int) -> str:
    schema = kind.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = f"urn:framegate:policy:{version}"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _table(data: bytes) -> dict[str, Any] | Fault:
    if len(data) > MAX_BYTES:
        return Fault(0, "", f"it has more than {MAX_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Fault(line, "", f"byte {error.start} is not UTF-8")
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        return Fault(int(place[1]) if place else 0, "", f"not TOML: {error}")
    except RecursionError:
        return Fault(0, "", "nested too deep")
    except ValueError:  # a whole number of thousands of digits
        return Fault(0, "", "a number in it has too many digits")


def _faults(error: ValidationError, text: str) -> tuple[Fault, ...]:
    found = []
    for fault in error.errors(include_url=False, include_input=False):
        loc = fault["loc"]
        rest = loc
        head = ""
        if loc[:1] in {("rules",), ("audiences",)} and len(loc) > 1 and isinstance(loc[1], int):
            head, rest = f"{str(loc[0])[:-1]} {loc[1] + 1}", loc[2:]
        key = ".".join(str(part) for part in rest)
        words = fault["msg"].removeprefix("Value error, ")
        told = f"{head}: {key}" if head and key else head or key or "file"
        found.append(Fault(_line(text, loc), told, words))
    return tuple(sorted(found, key=lambda one: one.line))


def _line(text: str, loc: Sequence[int | str]) -> int:
    """Where a person looks: the line of the key, else of the table that it should stand in."""
    lines = text.splitlines()
    heads = [n for n, line in enumerate(lines) if re.match(r"\s*\[", line)]
    name, *keys = [part for part in loc if isinstance(part, str)] or [""]
    tables = [n for n in heads if re.match(rf"\s*\[\[?\s*{re.escape(name)}\s*\]", lines[n])]
    index = loc[1] if len(loc) > 1 and isinstance(loc[1], int) else 0
    if index < len(tables):
        start = tables[index]
        end = next((n for n in heads if n > start), len(lines))
        wanted = keys[0] if keys else ""
    else:  # a key of the file itself, maybe with its tables written inline
        start, end = -1, heads[0] if heads else len(lines)
        wanted = name
    for number in range(start + 1, end):
        if wanted and re.match(rf"\s*{re.escape(wanted)}\s*=", lines[number]):
            return number + 1
    return start + 1


def _policy(file: PolicyFile | PolicyFileV1, sha256: str) -> Policy:
    plain = Policy(
        name=file.name,
        version=file.version,
        sha256=sha256,
        rules=tuple(
            _rule_v1(rule) if isinstance(rule, RuleEntryV1) else _rule(rule) for rule in file.rules
        ),
        required=file.required,
        max_gap_s=file.max_gap_s,
        qa_sampling=file.qa_sampling,
        schema_version=file.schema_version,
    )
    if isinstance(file, PolicyFileV1):
        return plain
    said = file.statement
    return replace(
        plain,
        audiences=tuple(Audience(one.id, one.min_age, one.regions) for one in file.audiences),
        terms=Terms(said.service, said.terms_url, said.appeal, said.countries),
    )


def _rule_v1(rule: RuleEntryV1) -> Rule:
    return Rule(
        id=rule.id,
        label=rule.label,
        threshold=rule.threshold,
        action=Action(rule.action),
        audience=rule.audience,
        require_calibration=rule.require_calibration,
        min_samples=rule.min_samples,
        min_analysers=rule.min_analysers,
        reason=rule.reason,
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
    )


def _rule(rule: RuleEntry) -> Rule:
    """Hidden from some is a restriction; what is blurred is published so."""
    hides = rule.action == "block" and bool(rule.audiences)
    blurs, margin = rule.action == "blur", rule.blur_margin_s
    actions = {"age-restrict": Action.RESTRICT, "blur": Action.ALLOW}
    return Rule(
        id=rule.id,
        label=rule.label or "",
        threshold=rule.threshold or 0.0,
        action=Action.RESTRICT if hides else actions.get(rule.action) or Action(rule.action),
        audience=f"{rule.min_age}+" if rule.min_age else "",
        require_calibration=rule.require_calibration,
        min_samples=rule.min_samples or 1,
        min_analysers=rule.min_analysers or 1,
        reason=rule.reason,
        dsa_category=rule.dsa_category,
        escalate=rule.escalate,
        min_duration_s=rule.min_duration_s or 0.0,
        all=tuple(map(_condition, rule.all)),
        any=tuple(map(_condition, rule.any)),
        hidden_from=rule.audiences,
        blur=blurs,
        blur_margin_s=BLUR_MARGIN_S if blurs and margin is None else margin or 0.0,
        clause=rule.clause,
        law=rule.law,
    )


def _condition(entry: ConditionEntry) -> Condition:
    return Condition(
        entry.label, entry.threshold, entry.min_samples, entry.min_analysers, entry.min_duration_s
    )
