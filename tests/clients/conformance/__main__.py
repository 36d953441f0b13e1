"""Runs the conformance scenario with a client in each language, and makes one table of language by step.

    python tests/clients/conformance --herdbook target/debug/herdbook Go TypeScript
    python tests/clients/conformance --herdbook target/release/herdbook --markdown docs/clients.md

All of them if none is named. Exits with 1 if a step failed or was not reached.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python" / "generated"))

from future import Future
from languages import LANGUAGES
from laboratory import Laboratory
from table import Table, write


async def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.splitlines()[0])
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help=f"of {', '.join(LANGUAGES)}")
    parser.add_argument("--herdbook", type=Path, required=True, help="the binary of Herdbook")
    parser.add_argument("--markdown", type=Path, help="write the table into this page too, between its marks")
    options = parser.parse_args()
    if unknown := set(options.languages) - set(LANGUAGES):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(LANGUAGES)}")
    table = Table()
    with tempfile.TemporaryDirectory(prefix="herdbook-conformance-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL, which may be another account's, has to enter it.
        async with Laboratory(options.herdbook.resolve(), Path(folder)) as laboratory, Future() as future:
            for name in options.languages or LANGUAGES:
                print(f"--- {name}", flush=True)
                await table.add(name, laboratory.run(LANGUAGES[name], name, future))
    print(table.markdown())
    for problem in table.problems:
        print(f"FAILED {problem}", file=sys.stderr)
    if options.markdown:
        write(options.markdown, table)
    return 1 if table.problems else 0


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[3])
    sys.exit(asyncio.run(main()))
