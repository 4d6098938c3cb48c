"""Writes the generated pages of docs/reference."""

from __future__ import annotations

from pathlib import Path

from framegate.cli.reference import pages


def main() -> None:
    """Write each page."""
    folder = Path(__file__).parent.parent / "docs" / "reference"
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
