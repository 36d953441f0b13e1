"""`python -m herdbook`: what waits in the spool by `sync`; all else is the `herdbook` command of this package."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import herdbook


def main() -> int:
    """Runs a command."""
    match sys.argv[1:]:
        case ["sync"]:
            return 0 if herdbook.sync() else 1
        case ["sync", "--spool", folder]:
            herdbook.configure(spool=folder)
            return 0 if herdbook.sync() else 1
    beside = Path(sysconfig.get_path("scripts")) / "herdbook"
    program = str(beside) if beside.is_file() else shutil.which("herdbook")
    if not program:
        print(
            "herdbook: this package came without the `herdbook` program; `python -m herdbook sync [--spool DIR]` works"
            " without it",
            file=sys.stderr,
        )
        return 2
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
