"""Herdbook's main job: train a sweep, register the best, promote it by the rules, trace it.

Talks to Herdbook with nothing but the code that protoc generates from `proto/`.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))

import pedigree
from laboratory import Laboratory
from registry import Registry
from services import Services
from story import Story


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default=os.environ.get("HERDBOOK_ADDRESS", "127.0.0.1:5757"))
    for service in ("tracking", "registry", "lineage"):
        parser.add_argument(f"--{service}", help=f"where {service} runs, if by itself")
    return parser.parse_args()


def main() -> int:
    where, story = arguments(), Story()
    services = Services.at(
        where.tracking or where.address, where.registry or where.address, where.lineage or where.address
    )
    v1, v2 = pedigree.record_data(services, story)
    laboratory = Laboratory(services, story)
    registry = Registry(services, laboratory, story)
    laboratory.sweep(v1)
    best = laboratory.best_run()
    registry.promote(best, v1)
    registry.promote_triage(v2)
    pedigree.trace(services, laboratory.source.commit, story)
    registry.serve(v1)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
