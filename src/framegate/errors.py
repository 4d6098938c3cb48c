"""Every error framegate raises on purpose, with the way out.

    FramegateError
    ├── InputError              the file cannot be taken; the caller must send another
    │   ├── NotAVideo           input.not_a_video
    │   ├── NotAPhoto           input.not_a_photo
    │   ├── EmptyInput          input.empty
    │   ├── NoVideoTrack        input.no_video_track
    │   ├── ZeroDuration        input.zero_duration
    │   ├── Undecodable         input.undecodable
    │   ├── UnsafeInput         input.unsafe           playlists, scripts, external references
    │   ├── UnsupportedInput    input.unsupported      e.g. Dolby Vision profile 5
    │   ├── InputTooLarge       input.too_large        bytes, pixels, frames, duration
    │   └── InputVanished       input.vanished
    ├── ResourceError           this machine ran out of something; the same input may work later
    │   ├── MediaLimit          resource.limit         a child hit a memory, CPU, file or time limit
    │   ├── MediaCrash          resource.crash         a sandboxed child died on a signal
    │   ├── SandboxLost         sandbox.lost           the sandbox itself was ended from outside
    │   ├── CallerLimit         resource.ulimit        a limit of the caller's shell is too tight
    │   ├── DiskFull            resource.disk_full
    │   └── OutputNotWritable   resource.output
    ├── CacheUnavailable        cache.unavailable      the store of remembered verdicts is away
    ├── ComponentMissing        component.missing      codec, model, program or kernel feature
    ├── ModelMismatch           component.mismatch     a model file is not the pinned one
    ├── VisionUnavailable       vlm.unavailable        no sound answer from the vision model
    ├── PolicyInvalid           policy.invalid
    ├── SettingsInvalid         settings.invalid
    ├── SidecarInvalid          sidecar.invalid
    ├── HashListInvalid         hashlist.invalid
    ├── AssetUnknown            asset.unknown
    ├── PolicyUnknown           policy.unknown         the policy of a past verdict is not kept
    ├── ScreeningGone           screening.gone         what was found is no longer kept
    ├── NothingToState          statement.none         the decision restricts nothing
    ├── CaseNotOpen             case.not_open          the asset is not waiting for a person
    ├── AlreadyRunning          job.running            another process is at the same work
    ├── Stopped                 job.stopped            Ctrl-C or a shutdown ended the work early
    ├── FaceRefused             a face that may not be enrolled; each says what was measured
    │   ├── NoFace              face.none
    │   ├── SeveralFaces        face.several
    │   ├── FaceTooSmall        face.too_small
    │   ├── FaceTurned          face.turned
    │   ├── FaceBlurred         face.blurred
    │   └── FacesDiffer         face.differs           not all photos show the same person
    ├── ConsentInvalid          consent.invalid        incomplete, expired, or not yet given
    ├── CreatorUnknown          creator.unknown
    ├── CreatorExists           creator.exists         enrolled already, with a consent that holds
    ├── UsageInvalid            usage                  a command line that cannot be used
    └── Internal                internal

Each leaf has a stable ``code`` (documented in docs/reference/errors.md), an
``exit_code`` (sysexits.h where one fits) and says whether a retry of the same
call can succeed. The message is safe to show: it never quotes more of the input
than its name. Vendor exceptions never pass the adapter that called the vendor.
"""

from __future__ import annotations

from typing import ClassVar


def printable(text: str) -> str:
    """Names and quoted input on one line: what a terminal would obey (line breaks, escapes) is
    shown escaped.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class FramegateError(Exception):
    """Base of all: ``what`` happened, ``why``, and what ``todo`` about it.

    Rendered on one line as ``error[code]: what: why. todo``.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70
    retryable: ClassVar[bool] = False
    default_todo: ClassVar[str] = ""

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what, why, todo)
        self.what = what
        self.why = why
        self.todo = todo or self.default_todo

    def __str__(self) -> str:
        text = self.what if not self.why else f"{self.what}: {self.why}"
        end = "" if text.endswith("?") else "."
        return f"{text}{end} {self.todo}" if self.todo else text

    def line(self) -> str:
        """The one line a person sees, `printable`."""
        return printable(f"error[{self.code}]: {self}")


class InputError(FramegateError):
    """The file cannot be taken as it is."""

    code = "input"
    exit_code = 65


class NotAVideo(InputError):
    """The bytes are not a container that framegate accepts, whatever the name says."""

    code = "input.not_a_video"
    default_todo = "Send a video file (MP4, MOV, MKV, WebM, MPEG-TS/PS, AVI, OGG, FLV, MXF, Y4M)"


class NotAPhoto(InputError):
    """The bytes are not a photo that framegate reads, whatever the name says."""

    code = "input.not_a_photo"
    default_todo = "Send a JPEG, PNG or WebP photo"


class EmptyInput(InputError):
    """Zero bytes."""

    code = "input.empty"
    default_todo = "Send the file again; nothing arrived"


class NoVideoTrack(InputError):
    """A container without a moving picture (audio only, or cover art only)."""

    code = "input.no_video_track"
    default_todo = "Send a file with a video track"


class ZeroDuration(InputError):
    """A video track without a single frame."""

    code = "input.zero_duration"
    default_todo = "Send a file that holds at least one frame"


class Undecodable(InputError):
    """A video track of which no frame can be decoded."""

    code = "input.undecodable"
    default_todo = "Export the video again from its source"


class UnsafeInput(InputError):
    """A format that makes the reader open other files or addresses."""

    code = "input.unsafe"
    default_todo = "Send the video itself, not a playlist or script that points to it"


class UnsupportedInput(InputError):
    """Understood, but cannot be shown right (for example Dolby Vision profile 5)."""

    code = "input.unsupported"


class InputTooLarge(InputError):
    """Over a limit on bytes, pixels, frames or duration."""

    code = "input.too_large"
    default_todo = "Send a smaller file or raise the limit in framegate.toml ([limits])"


class InputVanished(InputError):
    """The path is not there (any more) or cannot be read."""

    code = "input.vanished"
    exit_code = 66
    default_todo = "Check the path and its permissions, then run again"


class ResourceError(FramegateError):
    """The machine ran out of something."""

    code = "resource"
    exit_code = 75
    retryable = True


class MediaLimit(ResourceError):
    """A sandboxed child hit a limit: the input asks for more than it may have."""

    code = "resource.limit"
    exit_code = 65
    retryable = False
    default_todo = "Send a smaller file or raise the limit in framegate.toml ([limits])"


class MediaCrash(ResourceError):
    """A sandboxed child died on a signal; the parent is unharmed."""

    code = "resource.crash"
    exit_code = 65
    default_todo = "Run it once more; if it fails again the file is broken or hostile"


class SandboxLost(ResourceError):
    """The process that starts the sandbox's children was ended from outside."""

    code = "sandbox.lost"
    default_todo = "Run the same command again: finished steps and chunks are kept"


class CallerLimit(ResourceError):
    """A limit that the caller's shell or service manager set (ulimit) is too tight."""

    code = "resource.ulimit"
    exit_code = 71
    retryable = False
    default_todo = "Raise that limit (ulimit, or LimitXXX= of the service), then run again"


class DiskFull(ResourceError):
    """No space left where the work area or the output lies."""

    code = "resource.disk_full"
    exit_code = 74
    default_todo = "Free some space and run the same command again: finished chunks are kept"


class OutputNotWritable(ResourceError):
    """The output folder cannot be made or written."""

    code = "resource.output"
    exit_code = 73
    retryable = False
    default_todo = "Choose another folder with -o"


class CacheUnavailable(FramegateError):
    """The verdict cache cannot be reached or used; work goes on without what it remembers."""

    code = "cache.unavailable"
    exit_code = 69
    retryable = True
    default_todo = "Check [cache] in framegate.toml and that its server runs"


class ComponentMissing(FramegateError):
    """A codec, model, program or kernel feature that was asked for is not here."""

    code = "component.missing"
    exit_code = 69
    default_todo = "Run `framegate doctor` to see what this machine has"


class ModelMismatch(FramegateError):
    """A model file differs from the pinned SHA-256."""

    code = "component.mismatch"
    exit_code = 69
    default_todo = "Install the pinned requirements again (`make setup`)"


class VisionUnavailable(FramegateError):
    """The vision model's server gave no answer that can be used: it is not there, too slow, or says
    what it was not asked. Never a result.
    """

    code = "vlm.unavailable"
    exit_code = 75
    retryable = True
    default_todo = "Check the server that --vlm names, then run again"


class PolicyInvalid(FramegateError):
    """The policy file does not follow its schema."""

    code = "policy.invalid"
    exit_code = 78
    default_todo = "See docs/reference/policy.md"


class SettingsInvalid(FramegateError):
    """A setting in framegate.toml, the environment or an option cannot be used."""

    code = "settings.invalid"
    exit_code = 78
    default_todo = "See docs/reference/settings.md"


class SidecarInvalid(FramegateError):
    """The sidecar JSON beside the video does not follow its schema."""

    code = "sidecar.invalid"
    exit_code = 65
    default_todo = "See docs/reference/sidecar.md"


class HashListInvalid(FramegateError):
    """A hash list file has a line that is not a PDQ hash or SHA-256."""

    code = "hashlist.invalid"
    exit_code = 65
    default_todo = "See docs/reference/hashlists.md"


class AssetUnknown(FramegateError):
    """No asset by that id in this data folder."""

    code = "asset.unknown"
    exit_code = 66
    default_todo = "`framegate review` without an ID lists what waits"


class PolicyUnknown(FramegateError):
    """The policy that a past verdict names is not kept in this data folder."""

    code = "policy.unknown"
    exit_code = 66
    default_todo = "Name its file with --policy"


class ScreeningGone(FramegateError):
    """What was found in a video is no longer kept, so it cannot be decided anew."""

    code = "screening.gone"
    exit_code = 66
    default_todo = "Process the video again; `[retention] days` says how long it is kept"


class NothingToState(FramegateError):
    """The decision restricts nothing, or is not made yet: there is nothing to give reasons for."""

    code = "statement.none"
    exit_code = 65


class CaseNotOpen(FramegateError):
    """The asset is not waiting for a person's decision."""

    code = "case.not_open"
    exit_code = 65


class AlreadyRunning(FramegateError):
    """A live process already works on the same asset with the same options."""

    code = "job.running"
    exit_code = 75
    retryable = True
    default_todo = "Wait for it to finish, or stop it and run again"


class Stopped(FramegateError):
    """The work was ended early on request; running children were killed."""

    code = "job.stopped"
    exit_code = 130
    retryable = True
    default_todo = "Run the same command again: finished steps and chunks are kept"


class FaceRefused(FramegateError):
    """A photo or video that no face may be enrolled from."""

    code = "face"
    exit_code = 65
    default_todo = "Send sharp photos of one person who looks into the camera"


class NoFace(FaceRefused):
    """No face was found."""

    code = "face.none"


class SeveralFaces(FaceRefused):
    """More than one face: nobody can tell which one gave the consent."""

    code = "face.several"
    default_todo = "Send photos that show the creator alone"


class FaceTooSmall(FaceRefused):
    """The face has too few pixels to be told from others."""

    code = "face.too_small"
    default_todo = "Send a photo taken from nearer, or with more pixels"


class FaceTurned(FaceRefused):
    """The face looks to the side."""

    code = "face.turned"
    default_todo = "Send a photo in which the creator looks into the camera"


class FaceBlurred(FaceRefused):
    """The face has too little detail."""

    code = "face.blurred"
    default_todo = "Send a photo that is in focus and was not scaled up"


class FacesDiffer(FaceRefused):
    """One of the faces is unlike the others: not all show the same person."""

    code = "face.differs"
    default_todo = "Send photos of one and the same person"


class ConsentInvalid(FramegateError):
    """The consent is incomplete, lies in the future, or has expired."""

    code = "consent.invalid"
    exit_code = 65
    default_todo = "Give --consent, --purpose and --expires as they were agreed"


class CreatorUnknown(FramegateError):
    """Nobody is enrolled under that name, or not any more."""

    code = "creator.unknown"
    exit_code = 66
    default_todo = "`framegate creators list` names who is enrolled"


class CreatorExists(FramegateError):
    """The name is enrolled already, with a consent that holds."""

    code = "creator.exists"
    exit_code = 65
    default_todo = "Revoke the old enrolment first (`framegate creators revoke NAME`)"


class UsageInvalid(FramegateError):
    """The command line cannot be used: an unknown, missing, repeated or impossible word."""

    code = "usage"
    exit_code = 2
    default_todo = "`framegate --help` lists the commands, `framegate COMMAND --help` its options"


class Internal(FramegateError):
    """A fault of framegate itself."""

    code = "internal"
    default_todo = "Please report it with the log"


def leaves() -> dict[str, type[FramegateError]]:
    """Every concrete error by code (the table that docs and the sandbox wire use)."""
    found: dict[str, type[FramegateError]] = {}
    pending: list[type[FramegateError]] = [FramegateError]
    while pending:
        kind = pending.pop()
        children = kind.__subclasses__()
        pending.extend(children)
        if not children:
            found[kind.code] = kind
    return found
