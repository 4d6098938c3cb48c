"""What a checkpoint vouches for is compared with what lies in the work folder before it is used."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framegate.flow import encoding
from framegate.flow.state import AudioTracks, VideoTracks
from framegate.storage.local import WorkLost, read_hashed, require_same, write_hashed


@pytest.mark.parametrize("content", [b"other", b"", None], ids=["changed", "empty", "gone"])
def test_a_file_that_is_not_the_same_is_lost(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "track.mp4"
    sha256 = write_hashed(path, b"track")
    require_same(path, sha256)
    assert read_hashed(path, sha256) == b"track"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    for read in (require_same, read_hashed):
        with pytest.raises(WorkLost, match=r"track\.mp4"):
            read(path, sha256)


@pytest.mark.parametrize("spoiled", ["sound.mp4", "picture.mp4"])
def test_tracks_of_an_earlier_run_are_packaged_only_as_they_were(
    tmp_path: Path, spoiled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged: list[bool] = []
    monkeypatch.setattr(encoding, "package", lambda *_args, **_more: packaged.append(True))
    files: dict[str, Any] = {
        name: SimpleNamespace(path=name, sha256=write_hashed(tmp_path / name, name.encode()))
        for name in ("sound.mp4", "picture.mp4")
    }
    run: Any = SimpleNamespace(context=SimpleNamespace(work=tmp_path))
    tracks = AudioTracks((files["sound.mp4"],)), VideoTracks((files["picture.mp4"],))
    encoding._package(run, None, *tracks, (), verify=True)  # type: ignore[arg-type]
    assert packaged
    packaged.clear()
    (tmp_path / spoiled).write_bytes(b"something else")
    with pytest.raises(WorkLost, match=spoiled):
        encoding._package(run, None, *tracks, (), verify=True)  # type: ignore[arg-type]
    assert not packaged
