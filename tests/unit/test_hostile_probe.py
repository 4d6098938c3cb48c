"""The hostile list at the door: each file ends in its own error, or is taken as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from framegate.errors import FramegateError
from framegate.security.sandbox.host import ForkServer
from framegate.testing.hostile import HOSTILE, Hostile, playlist
from taking_in import look, take_in_and_look


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ForkServer]:
    with ForkServer(modules=["framegate.media.probe"]) as server:
        yield server


@pytest.mark.parametrize("item", HOSTILE, ids=lambda item: repr(item.name))
def test_each_ends_as_it_must(tmp_path: Path, sandbox: ForkServer, item: Hostile) -> None:
    path = tmp_path / item.name
    item.make(path)
    if item.code is None:
        assert take_in_and_look(path, sandbox=sandbox).video.frames_measured >= 1
        return
    with pytest.raises(FramegateError) as caught:
        take_in_and_look(path, sandbox=sandbox)
    assert caught.value.code == item.code
    line = caught.value.line()
    assert "\n" not in line
    assert caught.value.todo, "every refusal says what to do"
    assert "passwd" not in line


@pytest.mark.parametrize("item", [i for i in HOSTILE if i.code], ids=lambda item: repr(item.name))
def test_the_reader_alone_is_no_easier_to_fool(
    tmp_path: Path, sandbox: ForkServer, item: Hostile
) -> None:
    """Were ingest not asked first, the sandboxed reader still opens nothing but containers."""
    path = tmp_path / item.name
    item.make(path)
    with pytest.raises(FramegateError) as caught:
        look(path, sandbox=sandbox)
    assert caught.value.code == item.code


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\n\n", b"  "])
def test_a_disguised_playlist_is_still_refused(tmp_path: Path, prefix: bytes) -> None:
    path = tmp_path / "a.mp4"
    playlist(path)
    path.write_bytes(prefix + path.read_bytes())
    with pytest.raises(FramegateError) as caught:
        take_in_and_look(path)
    assert caught.value.code == "input.unsafe"


def test_a_damaged_stretch_costs_itself_alone(clips: Path, tmp_path: Path) -> None:
    data = bytearray((clips / "bikes.mp4").read_bytes())
    data[200_000:200_400] = b"\xff" * 400
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    facts = take_in_and_look(path)
    assert facts.video.frames_measured == 250
    assert not facts.truncated
