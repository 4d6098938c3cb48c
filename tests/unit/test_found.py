from pathlib import Path

from framegate.services.found import find_videos


def test_a_folder_is_walked_without_loops_hidden_files_or_own_output(tmp_path: Path) -> None:
    for name in (
        "b.mp4",
        "a.MKV",
        "notes.txt",
        ".hidden.mp4",
        ".git/x.mp4",
        "sub/c.webm",
        "out/report.json",
        "out/verdict.json",
        "out/preview.mp4",
        "out/media/x/init.mp4",
        "unscreened/hls/master.m3u8",
        "unscreened/dash/manifest.mpd",
        "unscreened/media/x/init.mp4",
        "unscreened/preview.mp4",
        "home/framegate.sqlite",
        "home/work/0/package/preview.mp4",
        "home/own.mp4",
        "odd\nname 🎬.mov",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "sub" / "again.mp4").symlink_to(tmp_path / "b.mp4")
    (tmp_path / "sub" / "dangling.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "folder.mp4").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in find_videos([tmp_path])]
    assert found == ["a.MKV", "b.mp4", "odd\nname 🎬.mov", "home/own.mp4", "sub/c.webm"]


def test_a_named_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("")
    missing = tmp_path / "missing.mp4"
    assert list(find_videos([tmp_path / "x.txt", missing])) == [tmp_path / "x.txt", missing]
