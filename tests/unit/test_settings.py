from pathlib import Path

import pytest

from framegate import settings
from framegate.domain.limits import SourceLimits
from framegate.errors import SettingsInvalid
from framegate.wiring import source_limits


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRAMEGATE_CONFIG", "FRAMEGATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)


def test_arguments_win_over_environment_over_file_over_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.load().limits.max_streams == 64
    (tmp_path / "framegate.toml").write_text(
        '[limits]\nmax_streams = 10\nmax_frames = 99\n[encode]\ncodec = "h265"\n'
    )
    assert settings.load().limits.max_streams == 10
    monkeypatch.setenv("FRAMEGATE_LIMITS__MAX_STREAMS", "11")
    loaded = settings.load()
    assert (loaded.limits.max_streams, loaded.limits.max_frames) == (11, 99)
    assert loaded.encode.codec == "h265"
    assert settings.load(limits={"max_streams": 12}).limits.max_streams == 12


def test_a_named_file_wins_over_the_one_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "framegate.toml").write_text("[limits]\nmax_streams = 10\n")
    (tmp_path / "other.toml").write_text("[limits]\nmax_streams = 20\n")
    monkeypatch.setenv("FRAMEGATE_CONFIG", str(tmp_path / "other.toml"))
    assert settings.load().limits.max_streams == 20
    monkeypatch.setenv("FRAMEGATE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsInvalid, match=r"none\.toml"):
        settings.load()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[limits]\nmax_streems = 1", "limits.max_streems"),
        ("[limits]\nmax_streams = 0", "limits.max_streams"),
        ('[encode]\ncodec = "mpeg2"', "encode.codec"),
        ("[nonsense]\na = 1", "nonsense"),
        ("[limits", "framegate.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "framegate.toml").write_text(text)
    with pytest.raises(SettingsInvalid, match=named):
        settings.load()


def test_a_mistake_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMEGATE_SCREEN__MAX_GAP_S", "wide")
    with pytest.raises(SettingsInvalid, match=r"screen\.max_gap_s"):
        settings.load()


def test_a_file_nested_too_deep_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "framegate.toml").write_text("a = " + "[" * 5000)
    with pytest.raises(SettingsInvalid, match="nested too deep"):
        settings.load()


def test_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.load().home == tmp_path / "user/.local/share/framegate"
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    assert settings.load().home == tmp_path / "user/.local/share/framegate"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert settings.load().home == tmp_path / "data/framegate"
    monkeypatch.setenv("FRAMEGATE_HOME", str(tmp_path / "fg"))
    assert settings.load().home == tmp_path / "fg"
    assert settings.load(paths={"home": tmp_path / "x"}).home == tmp_path / "x"


def test_every_setting_says_what_it_means_and_why() -> None:
    page = settings.reference()
    for group, field in settings.Settings.model_fields.items():
        assert f"## [{group}]" in page
        for name, inner in type(field.default).model_fields.items():
            assert f"| `{name}` |" in page
            extra = inner.json_schema_extra
            assert isinstance(extra, dict)
            assert inner.description
            assert extra["reason"]


def test_limits_have_the_same_defaults_in_settings_and_in_the_domain() -> None:
    assert source_limits(settings.load()) == SourceLimits()
