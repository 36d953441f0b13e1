"""Checks the licence, source and bans of every crate that is built, on any platform, against deny.toml.

Reads what `cargo deny check licenses bans sources` reads, of it `licenses.allow`, `bans.deny`, `bans.wildcards` and
`sources.allow-registry`, and asks no network. It trusts the licence that a crate declares, without reading its files,
and knows nothing of advisories: for these, run `cargo deny check advisories` where its database can be reached.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with allowed licences alone; `/` is the older way to write OR."""
    tokens = re.findall(r"[()]|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", expression.replace("/", " OR "))

    def either() -> bool:
        holds = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            holds = both() or holds
        return holds

    def both() -> bool:
        holds = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            holds = single() and holds
        return holds

    def single() -> bool:
        token = tokens.pop(0) if tokens else ""
        if token != "(":
            return " ".join(token.split()) in allowed
        holds = either()
        return bool(tokens) and tokens.pop(0) == ")" and holds

    return either() and not tokens


def cargo(*arguments: str) -> str:
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def built() -> set[str]:
    """Name and version of the crates that are built; the metadata lists optional ones that no feature asks for too."""
    tree = cargo("tree", "--workspace", "--target=all", "--edges=normal,build,dev", "--prefix=none", "--format={p}")
    return {" ".join(line.split()[:2]).replace(" v", " ") for line in tree.splitlines() if line}


def name_of(package: dict) -> str:
    return f"{package['name']} {package['version']}"


def only_wrapped(package: dict, packages: list[dict], ban: dict) -> bool:
    """Whether only the crates that the ban excepts depend on a banned one."""
    users = {p["name"] for p in packages if any(d["name"] == package["name"] for d in p["dependencies"])}
    return bool(users) and users <= set(ban.get("wrappers", ()))


def complaints(packages: list[dict], members: set[str], rules: dict) -> list[str]:
    """What is wrong with which crate, a line each."""
    allowed = set(rules["licenses"]["allow"])
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    banned = {ban["name"]: ban for ban in rules["bans"]["deny"]}
    found = []
    for package in packages:
        crate = name_of(package)
        if not is_allowed(package["license"] or "", allowed):
            found.append(f"{crate}: licence {package['license'] or 'not declared'} is not allowed")
        if (ban := banned.get(package["name"])) and not only_wrapped(package, packages, ban):
            found.append(f"{crate}: banned, {ban['reason']}")
        if package["id"] in members:
            loose = (d["name"] for d in package["dependencies"] if d["req"] == "*" and not d.get("path"))
            found += [f"{crate}: any version of {name} would do" for name in loose]
        elif package["source"] not in registries:
            found.append(f"{crate}: comes from {package['source'] or 'outside the workspace'}")
    return found


def main() -> int:
    metadata, wanted = json.loads(cargo("metadata", "--format-version=1")), built()
    packages = [package for package in metadata["packages"] if name_of(package) in wanted]
    if len(packages) != len(wanted):
        raise RuntimeError(f"cargo tree names {len(wanted)} crates, cargo metadata knows {len(packages)} of them")
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    found = complaints(packages, set(metadata["workspace_members"]), rules)
    print("\n".join(found) or f"dependencies: {len(packages)} crates fit deny.toml (advisories not asked)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
