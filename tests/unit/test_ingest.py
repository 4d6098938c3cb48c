"""Taking a file in: identity, details, and knowing it again."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from framegate.domain.asset import AssetDetails
from framegate.domain.sidecar import read_sidecar
from framegate.errors import (
    EmptyInput,
    InputTooLarge,
    InputVanished,
    NotAVideo,
    SettingsInvalid,
    SidecarInvalid,
)
from framegate.stages.ingest import BLOCK_BYTES
from framegate.storage.source import open_unchanged
from framegate.testing.clips import make_clip
from taking_in import NOW, Quiet, take_in


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4")


def test_hashes_name_and_id(clip: Path) -> None:
    data = clip.read_bytes()
    asset = take_in(clip, details=AssetDetails(tenant="north")).asset
    assert asset.sha256 == hashlib.sha256(data).hexdigest()
    assert asset.md5 == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert asset.id == hashlib.sha256(b"north\0" + asset.sha256.encode()).hexdigest()[:32]
    assert (asset.name, asset.size_bytes, asset.media_type) == ("a.mp4", len(data), "video/mp4")
    assert asset.first_seen == NOW
    assert take_in(clip).asset.id != asset.id


def test_large_files_are_read_in_blocks(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.mp4"
    data = clip.read_bytes() + bytes(3 * BLOCK_BYTES)
    path.write_bytes(data)
    progress = Quiet()
    asset = take_in(path, progress=progress).asset
    assert asset.sha256 == hashlib.sha256(data).hexdigest()
    assert progress.total == len(data)
    assert progress.done[-1] == len(data)
    assert len(progress.done) == 4


def test_details_come_from_the_run_and_the_sidecar_wins(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    said = {"title": "Häfen", "language": "de-AT", "tenant": "south"}
    (tmp_path / "a.mp4.framegate.json").write_text(json.dumps(said))
    run = AssetDetails(tenant="north", creator="c1", title="x")
    found = take_in(path, details=run).asset.details
    assert found == AssetDetails("south", "c1", "Häfen", "", "de-AT", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"titel": "x"}',
        '{"title": 3}',
        '{"title": null}',
        '{"title": "a", "title": "b"}',
        '{"language": "not a language"}',
        '{"region": "de"}',
        '{"tenant": "a\\nb"}',
        '{"title": "\\ud800"}',
        '{"title": "' + "x" * 501 + '"}',
        '{"description": "' + "x" * 70_000 + '"}',
        "[" * 20_000,
    ],
)
def test_a_wrong_sidecar_is_an_error(clip: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    (tmp_path / "a.mp4.framegate.json").write_text(text)
    with pytest.raises(SidecarInvalid):
        take_in(path)


def test_a_sidecar_that_is_no_file_is_an_error(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    os.mkfifo(tmp_path / "a.mp4.framegate.json")
    with pytest.raises(SidecarInvalid):
        take_in(path)


def test_wrong_details_of_the_run_are_an_error(clip: Path) -> None:
    with pytest.raises(SettingsInvalid, match="region"):
        take_in(clip, details=AssetDetails(region="Austria"))


def test_an_empty_sidecar_object_changes_nothing() -> None:
    given = AssetDetails(title="kept")
    assert read_sidecar(b"\xef\xbb\xbf{}", given) == given


def test_links_are_followed(clip: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    assert take_in(link).asset.sha256 == take_in(clip).asset.sha256


def test_what_is_not_a_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    for path in (tmp_path, tmp_path / "pipe.mp4", Path("/dev/zero")):
        with pytest.raises(NotAVideo):
            take_in(path)
    for path in (tmp_path / "gone.mp4", tmp_path / "loop.mp4", Path("nul\0.mp4")):
        with pytest.raises(InputVanished):
            take_in(path)


def test_sizes(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(EmptyInput):
        take_in(tmp_path / "empty.mp4")
    with pytest.raises(InputTooLarge):
        take_in(clip, max_bytes=100)


def test_names_of_any_kind_are_kept_for_display(clip: Path, tmp_path: Path) -> None:
    for raw in (
        "line\nbreak \N{FILM PROJECTOR}.mp4".encode(),
        b"latin-\xe9.mp4",
        b"x" * 251 + b".mp4",
    ):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw))
        path.write_bytes(clip.read_bytes())
        name = take_in(path).asset.name
        assert name == raw.decode("utf-8", "replace")
        name.encode()  # no surrogates: JSON and databases can hold it


def test_a_changed_or_replaced_file_is_known(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(clip.read_bytes())
    source = take_in(path).source
    os.close(open_unchanged(source))
    path.write_bytes(clip.read_bytes() + b"\0")
    with pytest.raises(InputVanished, match="not the file"):
        open_unchanged(source)
    twin = tmp_path / "b.mp4"
    twin.write_bytes(clip.read_bytes())
    os.utime(twin, ns=(source.modified_ns, source.modified_ns))
    twin.replace(path)
    with pytest.raises(InputVanished, match="not the file"):
        open_unchanged(source)
    path.unlink()
    with pytest.raises(InputVanished):
        open_unchanged(source)
