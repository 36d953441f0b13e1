"""Checks that all that is released has one version: that of the workspace in Cargo.toml."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = {
    "Cargo.toml": r'\nherdbook-(?:client|core|proto) = \{ path = "[a-z/]+", version = "(.*)" \}',
    "clients/go/client.go": r'const Version = "(.*)"',
    "clients/typescript/package.json": r'"version": "(.*)"',
    "clients/typescript/package-lock.json": r'"name": "@herdbook/client",\n\s*"version": "(.*)"',
    "clients/typescript/src/client.ts": r'export const VERSION = "(.*)"',
    "clients/java/pom.xml": r"<artifactId>herdbook-client</artifactId>\s*<version>(.*)</version>",
    "clients/java/src/main/java/dev/herdbook/client/Herdbook.java": r'String VERSION = "(.*)"',
    "clients/cpp/CMakeLists.txt": r"project\(herdbook VERSION (\S+)",
    "tests/clients/cpp/CMakeLists.txt": r"find_package\(herdbook (\S+)",
    "tests/clients/java/pom.xml": r"<artifactId>herdbook-client</artifactId><version>(.*?)</version>",
    "deploy/helm/herdbook/Chart.yaml": r"\nversion: (\S+)",
}


def main() -> int:
    wanted = re.search(r'\[workspace\.package\]\nversion = "(.*)"', (ROOT / "Cargo.toml").read_text())[1]
    found = [(place, version) for place, said in PLACES.items()
             for version in re.findall(said, (ROOT / place).read_text()) or ["none"]]  # fmt: skip
    wrong = [f"{place} says version {version}, not {wanted}" for place, version in found if version != wanted]
    print("\n".join(wrong) if wrong else f"{len(found)} places say version {wanted}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
