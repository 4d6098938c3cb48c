"""``framegate creators``: enrol with consent, list, verify one, revoke."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from framegate import wiring
from framegate.cli import options
from framegate.cli.answer import answering, print_json, say, settings
from framegate.cli.exits import Exit
from framegate.cli.progress import ProgressMode, display
from framegate.cli.show import lines_below
from framegate.cli.usage import Command, help_when_alone
from framegate.domain.counted import counted
from framegate.domain.creator import Consent, Enrolment, Outcome, Standing, Verification
from framegate.domain.serial import dump
from framegate.errors import UsageInvalid, printable
from framegate.services.creators import Named
from framegate.stages.report.identity import in_words

DAY = "%Y-%m-%d"

app = typer.Typer(
    help="Creators: enrol with consent, compare with one, forget.", rich_markup_mode=None
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", hidden=True, help="As assets name their creator.")
]
Tenant = Annotated[
    str, typer.Option(metavar="NAME", help="Whose creators; default: those of no tenant.")
]
Actor = Annotated[
    str | None,
    typer.Option("--actor", metavar="NAME", help="Who does this; default: your login name."),
]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    """Creators: enrol with consent, compare with one, forget."""
    help_when_alone(context)


@app.command("enrol", cls=Command)
def enrol(
    name: Name,
    photos: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PHOTO", hidden=True, help="Photos of the creator alone."),
    ] = None,
    *,
    video: Annotated[
        Path | None,
        typer.Option("--video", metavar="FILE", help="A video of the creator, in place of photos."),
    ] = None,
    consent: Annotated[
        str,
        typer.Option(
            "--consent", metavar="TEXT", help="What was agreed to, or where that is kept."
        ),
    ],
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="TEXT", help="What the face is compared for.")
    ],
    expires: Annotated[
        datetime,
        typer.Option(
            "--expires", metavar="DATE", formats=[DAY], help="Last day (UTC) of the consent."
        ),
    ],
    consent_by: Annotated[
        str | None,
        typer.Option("--consent-by", metavar="NAME", help="Who agreed; default: the creator."),
    ] = None,
    consent_at: Annotated[
        datetime | None,
        typer.Option(
            "--consent-at", metavar="DATE", formats=[DAY], help="When that was; default: now."
        ),
    ] = None,
    tenant: Tenant = "",
    actor: Actor = None,
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Enrol a creator from photos, or from a video, with their consent.

    Each photo must show one sharp face that looks into the camera; one that does not is refused
    with what was measured. What is kept is one template of 128 numbers, never a picture.
    """
    with answering(as_json=as_json):
        who = Named(name, tenant, _login(actor))
        if bool(photos) == (video is not None):
            raise UsageInvalid("Somebody is enrolled from photos, or from a --video", "give one")
        agreed = Consent(
            by=consent_by or name,
            at=_day(consent_at) if consent_at else wiring.now(),
            text=consent,
            purpose=purpose,
            expires=_day(expires) + timedelta(days=1),
        )
        with display(progress) as shown, wiring.opened(settings()) as services:
            if video is not None:
                done = services.creators.enrol_video(who, video, agreed, shown)
            else:
                done = services.creators.enrol_photos(who, photos or [], agreed)
        if as_json:
            print_json({"enrolment": dump(done)})
            return
        say(f"enrolled: {printable(done.name)}", style="bold")
        say(f"  from {counted(done.faces, 'face')} ({done.source}), {_until(done)}")
        if done.faces == 1:
            say("  one face alone: three or more, on different days, are told apart better")


@app.command("list", cls=Command)
def list_(*, tenant: Tenant = "", as_json: options.Json = False) -> None:
    """List who is or was enrolled, with their consents."""
    with answering(as_json=as_json):
        with wiring.opened(settings()) as services:
            found = services.creators.all(tenant)
        if as_json:
            rows = [dump(each) | {"standing": standing.value} for each, standing in found]
            print_json({"creators": rows})
            return
        if not found:
            say("Nobody is enrolled.")
        for each, standing in found:
            head = Text.assemble((printable(each.name), "bold"), f"  {standing.value}")
            say(lines_below(head, _rows(each, standing)))


@app.command("verify", cls=Command)
def verify(
    name: Name,
    video: Annotated[Path, typer.Argument(metavar="FILE", hidden=True, help="The video.")],
    *,
    tenant: Tenant = "",
    progress: options.Progress = ProgressMode.AUTO,
    as_json: options.Json = False,
) -> None:
    """Compare one creator, and nobody else, with the faces of a video.

    Exit code 0 when the creator is in it, 5 when that is not shown. It is no proof of liveness: a
    picture held into the camera is a match.
    """
    with answering(as_json=as_json):
        who = Named(name, tenant)
        with display(progress) as shown, wiring.opened(settings()) as services:
            enrolment, found = services.creators.verify(who, video, shown)
        if as_json:
            print_json({"creator": enrolment.name, "verification": dump(found)})
        else:
            _print_verified(enrolment, found)
        raise SystemExit(int(Exit.OK if found.outcome is Outcome.MATCH else Exit.NOT_VERIFIED))


@app.command("revoke", cls=Command)
def revoke(
    name: Name,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the record.")
    ] = "revoked",
    tenant: Tenant = "",
    actor: Actor = None,
    as_json: options.Json = False,
) -> None:
    """Destroy a creator's template at once; the record of the consent stays, without a face."""
    with answering(as_json=as_json):
        who = Named(name, tenant, _login(actor))
        with wiring.opened(settings()) as services:
            done = services.creators.revoke(who, reason)
        if as_json:
            print_json({"enrolment": dump(done)})
        else:
            say(f"revoked: {printable(done.name)}; the template is destroyed", style="bold")


def _print_verified(enrolment: Enrolment, found: Verification) -> None:
    told = in_words(found, enrolment.name)
    say(printable(told.title), style="bold")
    for line in told.words:
        say(f"  {printable(line)}")


def _rows(each: Enrolment, standing: Standing) -> list[tuple[str, str]]:
    agreed = each.consent
    rows = [
        ("enrolled", f"{each.enrolled_at:{DAY}} by {each.enrolled_by} ({each.source})"),
        ("consent", f"{agreed.text} ({agreed.by}, {agreed.at:{DAY}})"),
        ("purpose", agreed.purpose),
        ("until", f"{_last_day(each):{DAY}}, the consent's last day"),
    ]
    if each.ended_at is not None:
        rows.append(("ended", f"{each.ended_at:{DAY}} by {each.ended_by}: {each.ended_why}"))
    elif standing is Standing.EXPIRED:
        rows.append(("ended", "with the consent; the template is destroyed"))
    return [(key, printable(words)) for key, words in rows]


def _until(each: Enrolment) -> str:
    return f"consent until {_last_day(each):{DAY}}"


def _last_day(each: Enrolment) -> datetime:
    return each.consent.expires - timedelta(days=1)


def _day(given: datetime) -> datetime:
    return given.replace(tzinfo=UTC)


def _login(actor: str | None) -> str:
    if actor is not None and actor.strip():
        return actor.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        raise UsageInvalid(
            "It is recorded who does this", "no name is known", "Give --actor"
        ) from None
