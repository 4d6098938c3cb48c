import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from framegate.errors import ComponentMissing, ModelMismatch
from framegate.models import onnx, profanity, registry, torchfile

CARDS = Path(__file__).parents[2] / "docs/reference/models.md"
THIRD_PARTY = Path(__file__).parents[2] / "THIRD_PARTY.md"


@pytest.mark.parametrize("name", list(registry.MODELS))
def test_every_model_is_here_and_is_the_pinned_one(name: str) -> None:
    assert all(path.is_file() for path in registry.verify(name))


@pytest.mark.parametrize("model", list(registry.MODELS.values()), ids=lambda model: model.name)
def test_every_model_has_a_card_and_its_packages_a_licence_entry(model: registry.Model) -> None:
    cards = CARDS.read_text()
    assert f"## {model.name}" in cards
    for file in model.files:
        assert file.sha256 in cards
        assert f"`{file.package}`" in THIRD_PARTY.read_text()


def test_other_bytes_are_refused_and_seen_again_after_a_change(tmp_path: Path) -> None:
    file = registry.get("yunet").files[0]
    copy = tmp_path / "model.onnx"
    shutil.copyfile(registry.locate(file), copy)
    assert registry.check(copy, file) == copy
    copy.write_bytes(copy.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ModelMismatch, match="is not the pinned 49f000ec501f"):
        registry.check(copy, file)


def test_what_is_not_installed_names_the_extra() -> None:
    file = replace(registry.get("whisper-base").files[0], package="no-such-package-anywhere")
    with pytest.raises(ComponentMissing, match=r"framegate\[speech\]"):
        registry.locate(file, "speech")
    with pytest.raises(ComponentMissing, match="not in the registry"):
        registry.verify("nothing")


def test_a_broken_graph_is_no_vendor_exception() -> None:
    with pytest.raises(ComponentMissing, match="ONNX Runtime cannot load it"):
        onnx.Session(b"not a graph", name="x", threads=1)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


@pytest.mark.parametrize("payload", [Evil(), {"a": 1}, 7])
def test_weights_that_are_pickles_run_nothing(
    payload: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weights"
    path.write_bytes(pickle.dumps(payload))
    with pytest.raises(ModelMismatch):
        torchfile.read(path)
    with pytest.raises(ModelMismatch):
        profanity.load(path, path)
    assert capsys.readouterr().out == ""


def test_cores_are_counted() -> None:
    assert 1 <= onnx.physical_cores() <= 4096
