"""A caption window of CEA-708: cells of text, a pen, and the way it writes and scrolls.

By CTA-708-E. What a reader sees stays: characters by row and column, where the window stands (for
the order of several), whether it is shown. Colours, fonts, borders, effects and priorities go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

ROWS, COLUMNS = 15, 42
"""The largest window: the grid of a 16:9 screen."""

DEFINITION = 6  # bytes of parameters
NOT_SHOWN = 15  # the text tag of what is no caption

_CELL = 5  # steps of an anchor: a row is five high, a column five wide
_STEPS_DOWN, _STEPS_RIGHT, _PER_CENT = 75, 210, 100
_TICKER = 7  # the predefined style that prints downwards


class Direction(Enum):
    """Rows and columns that one step takes, in the order of the standard's codes."""

    RIGHT = (0, 1)
    LEFT = (0, -1)
    DOWN = (1, 0)
    UP = (-1, 0)


_DIRECTIONS = tuple(Direction)
_ALONG = (Direction.RIGHT, Direction.LEFT)  # rows


@dataclass(slots=True)
class Window:
    """One of eight. The pen may stand one cell past the end of its line."""

    rows: int = 1
    columns: int = 1
    fixed_rows: bool = True
    fixed_columns: bool = True
    visible: bool = False
    place: tuple[int, int] = (0, 0)  # of its upper left corner, in halves: from top, from left
    printing: Direction = Direction.RIGHT
    scrolling: Direction = Direction.UP
    silent: bool = False  # what is written now is no caption
    row: int = 0
    column: int = 0
    cells: dict[tuple[int, int], str] = field(default_factory=dict)

    def define(self, parameters: bytes, *, new: bool) -> None:
        """``DefineWindow``. A window that is defined again keeps its text and its pen."""
        flags, vertical, horizontal, anchor, columns, styles = parameters
        self.visible = bool(flags & 0x20)
        self.fixed_rows, self.fixed_columns = bool(flags & 0x10), bool(flags & 0x08)
        self.rows = min((anchor & 0x0F) + 1, ROWS)
        self.columns = min((columns & 0x3F) + 1, COLUMNS)
        self.place = self._corner(vertical, horizontal, anchor >> 4)
        style = styles >> 3 & 7
        if style or new:  # 0: as it was
            ticker = style == _TICKER
            self.printing = Direction.DOWN if ticker else Direction.RIGHT
            self.scrolling = Direction.LEFT if ticker else Direction.UP
        if not new:
            self.cells = {at: said for at, said in self.cells.items() if self._holds(at)}
            self.move_pen(self.row, self.column)

    def set_attributes(self, parameters: bytes) -> None:
        """``SetWindowAttributes``: of all that, the directions."""
        at_start = not self.cells and (self.row, self.column) == self._start(0, 0)
        self.printing = _DIRECTIONS[parameters[2] >> 4 & 3]
        self.scrolling = _DIRECTIONS[parameters[2] >> 2 & 3]
        if at_start:
            self.row, self.column = self._start(0, 0)

    def move_pen(self, row: int, column: int) -> None:
        """A window whose rows or columns are not locked grows with what is written."""
        if not self.fixed_rows:
            self.rows = max(self.rows, min(row + 1, ROWS))
        if not self.fixed_columns:
            self.columns = max(self.columns, min(column + 1, COLUMNS))
        self.row, self.column = min(row, self.rows - 1), min(column, self.columns - 1)

    def write(self, said: str) -> None:
        """A character at the pen; past the end of the line, over its last one."""
        if self.silent:
            return
        if not self.fixed_columns and self.printing is Direction.RIGHT:
            self.columns = max(self.columns, min(self.column + 1, COLUMNS))
        at = self._inside(self.row, self.column)
        self.cells[at] = said
        down, right = self.printing.value
        self.row, self.column = at[0] + down, at[1] + right

    def backspace(self) -> None:
        """Delete the character before the pen."""
        down, right = self.printing.value
        self.row, self.column = self._inside(self.row - down, self.column - right)
        self.cells.pop((self.row, self.column), None)

    def clear(self) -> None:
        """All text."""
        self.cells = {}

    def form_feed(self) -> None:
        """All text, and the pen to the start."""
        self.clear()
        self.row, self.column = self._start(0, 0)

    def carriage_return(self) -> None:
        """To the next line, against the way that lines scroll; past the last one, they scroll."""
        down, right = self._scroll().value
        row, column = self._inside(self.row, self.column)
        following = (row - down, column - right)
        if not self._holds(following):
            moved = {(row + down, column + right): s for (row, column), s in self.cells.items()}
            self.cells = {at: said for at, said in moved.items() if self._holds(at)}
            following = (row, column)
        self.row, self.column = self._start(*following)

    def clear_line(self) -> None:
        """The pen's line, and the pen to its start."""
        row, column = self._inside(self.row, self.column)
        along = self.printing in _ALONG
        self.cells = {
            at: said
            for at, said in self.cells.items()
            if (at[0] != row if along else at[1] != column)
        }
        self.row, self.column = self._start(row, column)

    def lines(self) -> list[str]:
        """What it says, in reading order, without empty lines."""
        along = self.printing in _ALONG
        found: dict[int, dict[int, str]] = {}
        for (row, column), said in self.cells.items():
            line, at = (row, column) if along else (column, row)
            found.setdefault(line, {})[at] = said
        back = self.printing in (Direction.LEFT, Direction.UP)
        # columns of text: the newest is where scrolling takes its lines from
        leftwards = self._scroll() is Direction.RIGHT
        texts = []
        for _, cells in sorted(found.items(), reverse=leftwards):
            order = range(min(cells), max(cells) + 1)
            text = "".join(cells.get(at, " ") for at in (reversed(order) if back else order))
            texts.append(" ".join(text.split()))
        return [text for text in texts if text]

    def _corner(self, vertical: int, horizontal: int, point: int) -> tuple[int, int]:
        """Halves of steps, so that the middle of a window is exact. An anchor is the window's
        corner, the middle of an edge, or its centre: three by three.
        """
        top, left = 2 * (vertical & 0x7F), 2 * horizontal
        if vertical & 0x80:  # in per cent of the screen
            top, left = top * _STEPS_DOWN // _PER_CENT, left * _STEPS_RIGHT // _PER_CENT
        down, right = min(point // 3, 2), point % 3
        return top - down * self.rows * _CELL, left - right * self.columns * _CELL

    def _scroll(self) -> Direction:
        """Lines scroll across the way they are printed, whatever was said."""
        if (self.printing in _ALONG) != (self.scrolling in _ALONG):
            return self.scrolling
        return Direction.UP if self.printing in _ALONG else Direction.LEFT

    def _start(self, row: int, column: int) -> tuple[int, int]:
        """Of the line that a cell is in."""
        return {
            Direction.RIGHT: (row, 0),
            Direction.LEFT: (row, self.columns - 1),
            Direction.DOWN: (0, column),
            Direction.UP: (self.rows - 1, column),
        }[self.printing]

    def _holds(self, at: tuple[int, int]) -> bool:
        return 0 <= at[0] < self.rows and 0 <= at[1] < self.columns

    def _inside(self, row: int, column: int) -> tuple[int, int]:
        return min(max(row, 0), self.rows - 1), min(max(column, 0), self.columns - 1)
