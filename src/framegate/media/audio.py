"""Encode one audio track whole, AAC-LC or Opus.

Never in chunks: both codecs overlap their frames, so every cut would be audible. The encoder's
priming (1,024 samples of AAC, 312 of Opus) is signalled by the MP4 edit list, which players and
packagers skip.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from av.audio.stream import AudioStream

from framegate.domain import serial
from framegate.domain.encoding import AudioDone, AudioWork
from framegate.domain.sound import FRAME_SAMPLES, AudioCodec
from framegate.errors import Undecodable
from framegate.media.audio_stream import LAYOUTS, sound
from framegate.media.container import Tally, open_source
from framegate.media.writing import output
from framegate.security.sandbox import Call

ENCODERS = {AudioCodec.AAC: "aac", AudioCodec.OPUS: "libopus"}
REPORT_FRAMES = 500

MOVFLAGS = "dash+delay_moov+skip_sidx+skip_trailer"
"""As for the picture (`media.join`), but with fragments by time: every packet of sound is a
keyframe, and a fragment for each would make the muxer remember an hour in 60 MB."""

FRAGMENT_US = "4000000"

serial.prepare(AudioWork, AudioDone)


def encode(call: Call) -> dict[str, Any]:
    """Task: encode an audio track. Descriptors: ``source``, ``out`` (MP4).

    Raises `Undecodable` when nothing can be heard of it, `DiskFull`, `MediaLimit`.
    """
    work = serial.load(AudioWork, call.request)
    audio = work.audio
    kind = AudioCodec(audio.codec)
    tally = Tally()
    count = 0
    with (
        open_source(call.fd("source"), max_pixels=work.max_pixels) as source,
        output(call.fd("out"), "mp4", movflags=MOVFLAGS, frag_duration=FRAGMENT_US) as target,
    ):
        stream = cast("AudioStream", target.add_stream(ENCODERS[kind], rate=audio.sample_rate))
        context = stream.codec_context
        context.layout = LAYOUTS[audio.channels]
        context.bit_rate = audio.bitrate
        context.time_base = Fraction(1, audio.sample_rate)
        context.thread_count = 1
        if kind is AudioCodec.AAC:
            context.format = "fltp"  # the only one FFmpeg's AAC encoder takes
            context.profile = "LC"  # what every player takes
        else:
            context.format = "flt"  # libopus' own
        stream.metadata["language"] = audio.language
        for frame in sound(source, work, FRAME_SAMPLES[kind], tally, work.levelling):
            for packet in stream.encode(frame):
                count += 1
                target.mux_one(packet)
                if count % REPORT_FRAMES == 0:
                    call.emit({"samples": count * FRAME_SAMPLES[kind]})
        if not tally.frames:
            raise Undecodable("The audio track cannot be decoded")
        for packet in stream.encode(None):
            count += 1
            target.mux_one(packet)
        priming = context.initial_padding
    return serial.dump(
        AudioDone(
            packets=count,
            priming_samples=priming,
            source_frames=tally.frames,
            corrupt_packets=tally.corrupt,
        )
    )
