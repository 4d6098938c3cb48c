"""What a person sees of an error."""

from __future__ import annotations

from framegate.errors import InputVanished


def test_an_error_is_one_line_that_no_terminal_obeys() -> None:
    name = "a\n\x1b[31mred\x07\x9b2J\udcff é 🎬.mp4"
    line = InputVanished(f"{name} is not there").line()
    assert line.startswith(r"error[input.vanished]: a\n\x1b[31mred\x07\x9b2J\udcff é 🎬.mp4 is")
    assert line.isprintable()
