"""Encode in odd sizes: ``memory_worker.py CLIP WORK CODEC FRAMES``. Prints the files' hashes.

Run with another ``MALLOC_PERTURB_`` each time (glibc fills fresh memory by it), and in the sandbox,
whose children do not get that variable, without it.
"""

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import footage
import tracks
from chunking import run_chunks
from framegate.domain.ladder import Chunk, EncodeOptions, VideoCodec
from framegate.security.sandbox.host import ForkServer
from framegate.stages.encode.ladder import plan as make_plan
from framegate.testing.sandbox import InProcessSandbox

SIZES = ((176, 144), (240, 426), (360, 640), (426, 240), (854, 480))  # 11 to 54 macroblocks a row


def main(clip: Path, work: Path, kind: VideoCodec, frames: int) -> None:
    facts = footage.facts_of(clip)
    plan = make_plan(facts, EncodeOptions(codec=kind))
    sizes = SIZES if kind is VideoCodec.H264 else SIZES[:3]
    top = replace(plan.renditions[-1], maxrate=2_000_000)
    rungs = [replace(top, name=f"{w}x{h}", width=w, height=h) for w, h in sizes]
    plan = replace(plan, renditions=tuple(rungs), chunks=(Chunk(0, 0, frames),))
    with ExitStack() as stack:
        bare = "MALLOC_PERTURB_" in os.environ
        sandbox = InProcessSandbox() if bare else stack.enter_context(ForkServer())
        context = replace(tracks.context(work), sandbox=sandbox)
        (receipt,) = run_chunks(context, clip, facts, plan)
    for file in receipt.files:
        print(file.rendition, file.sha256)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), VideoCodec(sys.argv[3]), int(sys.argv[4]))
