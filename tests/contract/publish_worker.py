"""Run by test_publish.py: publishes over and over, each time a folder of one letter, until killed.

argv: final folder, the letters to publish in turn.
"""

import itertools
import sys
from pathlib import Path

from framegate.storage.atomic import atomic_folder

final = Path(sys.argv[1])
for letter in itertools.cycle(sys.argv[2]):
    with atomic_folder(final) as folder:
        for number in range(20):
            (folder / f"{number}.txt").write_text(letter)
    print(letter, flush=True)
