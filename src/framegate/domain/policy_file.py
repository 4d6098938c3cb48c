"""The policy file: bytes of TOML in, a checked `Policy` out.

The JSON schema that ships beside the default policy is generated from these models, so that an
editor and framegate agree on what is right. Described for people in docs/reference/policy.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from framegate.domain import dsa, labels
from framegate.domain.policy import Action, Policy, Rule
from framegate.errors import PolicyInvalid

SCHEMA_VERSION = 1
MAX_BYTES = 1 << 20  # a policy is read by people; a megabyte is a mistake or an attack

LABEL = f"^{labels.PATTERN}$"
ANALYSER = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
RULE_ID = r"^[a-z0-9]+(-[a-z0-9]+)*$"  # no dot: ids with a dot are framegate's own


class RuleEntry(BaseModel):
    """One [[rules]] table: what is seen, from which score on, and what follows."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="rule")

    id: Annotated[str, Field(pattern=RULE_ID, description="Unique name, shown in reasons")]
    label: Annotated[
        str, Field(pattern=LABEL, description="Label of the taxonomy; it covers its children")
    ]
    threshold: Annotated[
        float,
        Field(ge=0, le=1, description="Compared with the calibrated score, else the raw one"),
    ]
    action: Annotated[
        Literal["allow", "restrict", "review", "block"],
        Field(description="What follows; allow only notes the match"),
    ]
    audience: Annotated[
        str, Field(max_length=40, description='Limit of a restriction, for example "18+"')
    ] = ""
    require_calibration: Annotated[
        bool,
        Field(description="Only a calibrated detector may block; hash lists are exact"),
    ] = True
    min_samples: Annotated[
        int, Field(ge=1, le=1000, description="Distinct samples at or over the threshold")
    ] = 1
    min_analysers: Annotated[
        int, Field(ge=1, le=20, description="Different analysers that must agree on a sample")
    ] = 1
    reason: Annotated[str, Field(min_length=1, max_length=500, description="Words for the creator")]
    dsa_category: Annotated[
        dsa.Category | Literal[""], Field(description="EU DSA statement-of-reasons category")
    ] = ""
    escalate: Annotated[
        bool, Field(description="A match goes to the people named for emergencies")
    ] = False

    @model_validator(mode="after")
    def _audience_belongs_to_restrict(self) -> RuleEntry:
        if (self.action == "restrict") != bool(self.audience):
            raise ValueError('"audience" goes with action "restrict", and only with it')
        return self


class PolicyFile(BaseModel):
    """A framegate policy."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="framegate policy")

    schema_version: Annotated[Literal[1], Field(description="Version of this format")]
    name: Annotated[str, Field(pattern=RULE_ID, description="Name of the policy")]
    version: Annotated[
        str, Field(min_length=1, max_length=40, description="Yours to choose; every verdict has it")
    ]
    required: Annotated[
        tuple[Annotated[str, Field(pattern=ANALYSER)], ...],
        Field(description="Analysers that must have looked, else a person decides"),
    ] = ()
    max_gap_s: Annotated[
        float | None,
        Field(gt=0, le=3600, description="Longest stretch without a look, seconds"),
    ] = None
    qa_sampling: Annotated[
        float,
        Field(ge=0, le=1, description="Share of automatic verdicts that people check blind"),
    ] = 0.0
    rules: Annotated[
        tuple[RuleEntry, ...], Field(max_length=1000, description="All are applied; order is free")
    ] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> PolicyFile:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f'two rules have the id "{rule.id}"')
            seen.add(rule.id)
        return self


def load_policy(data: bytes, name: str = "policy") -> Policy:
    """Check and read a policy file; ``name`` is shown in errors.

    Raises `PolicyInvalid` with the place: line and column of bad TOML, the key of a bad value.
    """
    what = f"{name} cannot be used as a policy"
    if len(data) > MAX_BYTES:
        raise PolicyInvalid(what, f"it has more than {MAX_BYTES} bytes")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyInvalid(what, f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyInvalid(what, f"not TOML: {error}") from error
    except RecursionError as error:
        raise PolicyInvalid(what, "nested too deep") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise PolicyInvalid(what, "a number in it has too many digits") from error
    try:
        file = PolicyFile.model_validate(table)
    except ValidationError as error:
        raise PolicyInvalid(what, _places(error, data)) from error
    return Policy(
        name=file.name,
        version=file.version,
        sha256=hashlib.sha256(data).hexdigest(),
        rules=tuple(
            Rule(
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
            for rule in file.rules
        ),
        required=file.required,
        max_gap_s=file.max_gap_s,
        qa_sampling=file.qa_sampling,
    )


def policy_schema() -> str:
    """The JSON schema of a policy file, as it ships in ``policies/policy.schema.json``."""
    schema = PolicyFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["$id"] = f"urn:framegate:policy:{SCHEMA_VERSION}"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _places(error: ValidationError, data: bytes) -> str:
    """The first three faults, each with its key and, for a rule, the line where it starts."""
    starts = [
        number
        for number, line in enumerate(data.decode().splitlines(), 1)
        if re.match(r"\s*\[\[\s*rules\s*\]\]", line)
    ]
    told: list[str] = []
    faults = error.errors(include_url=False, include_input=False)
    for fault in faults[:3]:
        loc = fault["loc"]
        place = ".".join(str(part) for part in loc) or "file"
        if loc[:1] == ("rules",) and len(loc) > 1 and isinstance(loc[1], int):
            rest = ".".join(str(part) for part in loc[2:])
            line = f" (line {starts[loc[1]]})" if loc[1] < len(starts) else ""
            place = f"rule {loc[1] + 1}{line}{': ' + rest if rest else ''}"
        told.append(f"{place}: {fault['msg']}")
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""  # noqa: PLR2004 -- as above
    return "; ".join(told) + more
