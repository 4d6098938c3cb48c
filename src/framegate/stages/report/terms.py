"""Words of the trade on the page, each explained in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass

from framegate.domain.frames import SampleReason


@dataclass(frozen=True, slots=True)
class Term:
    """``name`` as it stands in a sentence."""

    name: str
    words: str


TERMS = {
    "score": Term(
        "score",
        "A model's answer, from 0 (nothing of the kind) to 1 (sure). It is a guess, not a fact.",
    ),
    "raw": Term(
        "raw score",
        "The number as the model gave it. It is no probability: 0.8 does not mean right in 8 of 10"
        " cases.",
    ),
    "calibrated": Term(
        "calibrated score",
        "A score that was compared with labelled videos, so that 0.8 means right in about 8 of 10"
        " cases.",
    ),
    "shot": Term("shot", "What the camera shows between two cuts."),
    "sample": Term(
        "sample",
        "A frame that was chosen to be looked at: at least one for each shot, one wherever the"
        " picture becomes unlike the last one, and one before the promised gap is over.",
    ),
    "signals": Term(
        "signals",
        "What is measured on the pixels of each decoded frame, without a model: brightness, motion,"
        " how unlike the frame before it is (scene change), black and frozen stretches, silence.",
    ),
    "coverage": Term(
        "coverage",
        "How much of the video was looked at, by whom, and how long the longest stretch is that"
        " nobody looked at.",
    ),
    "gap": Term(
        "gap", "The time between two looks. What is shown only inside a gap, nobody has seen."
    ),
    "analyser": Term("analyser", "A program or a model that looks for one kind of thing."),
    "dsa": Term(
        "DSA",
        "The category of the EU Digital Services Act under which a statement of reasons files it.",
    ),
    "ladder": Term(
        "ladder",
        "The same video in several sizes. Players go up and down as the network allows.",
    ),
    "rendition": Term("rendition", "One of these sizes."),
    "crf": Term("CRF", "The quality asked of the encoder: lower looks better and takes more bits."),
    "cap": Term("cap", "The bitrate that the encoder was not allowed to exceed for long."),
    "vmaf": Term(
        "VMAF",
        "How close a rendition looks to the source, 0 to 100, predicted from the ratings of"
        " viewers. Small sizes score lower because they are compared scaled up.",
    ),
    "gop": Term(
        "GOP",
        "Group of pictures: the frames from one point that a player can jump to until the next.",
    ),
    "segment": Term("segment", "A few seconds of video in one file: what players fetch."),
    "chunk": Term("chunk", "A stretch that was encoded by itself and then joined to the others."),
    "sandbox": Term(
        "sandbox",
        "The walls around the programs that opened this file, in case it was made to attack them.",
    ),
}

WHY_SAMPLED = {
    SampleReason.SHOT: "first look at a shot",
    SampleReason.GAP: "before the promised gap was over",
    SampleReason.NOVELTY: "unlike the look before",
    SampleReason.LAST: "the last frame",
    SampleReason.UNSEEN: "found while encoding: unlike the looks around it",
}

LEVELS = {
    "signals": "measured on the pixels, no model",
    "hash": "compared with lists of known pictures",
    "detectors": "models for sexual and graphic content",
    "tags": "words for what is shown",
    "faces": "counted, not recognised",
    "identity": "compared with the named creator alone",
    "text": "letters in the picture",
    "speech": "spoken words",
    "vlm": "a vision-language model, asked about what is new",
}
