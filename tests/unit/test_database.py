"""The database file when it is not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from framegate import database
from framegate.errors import OutputNotWritable


@pytest.mark.parametrize("content", [b"no database at all" * 500, b"SQLite format 3\0" * 600])
def test_a_broken_database_is_one_clear_error_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / database.DATABASE_NAME
    path.write_bytes(content)
    with pytest.raises(OutputNotWritable, match="Restore it"):
        database.connect(tmp_path)
    assert path.read_bytes() == content
