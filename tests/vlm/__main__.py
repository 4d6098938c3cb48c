"""Serve the tiny model, run a command beside it, and end it again.

    PYTHONPATH=tests python -m vlm python -m benchmarks vlm_server

The command finds the server in FRAMEGATE_VLM__URL and FRAMEGATE_VLM__MODEL.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from vlm.serving import MODEL, Server, checkpoint


def main(command: list[str]) -> int:
    """Give the command's exit status."""
    if not command:
        sys.exit(__doc__)
    with TemporaryDirectory() as folder:
        server = Server(checkpoint(), Path(folder))
        try:
            server.start()
            found = {"FRAMEGATE_VLM__URL": server.url, "FRAMEGATE_VLM__MODEL": MODEL}
            return subprocess.run(command, env=os.environ | found, check=False).returncode
        finally:
            server.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
