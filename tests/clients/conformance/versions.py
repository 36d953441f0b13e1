"""All clients have one version: that of Herdbook."""

import re
from pathlib import Path

PLACES = {
    "Cargo.toml": r'\[workspace\.package\]\nversion = "(.*)"',
    "clients/go/client.go": r'const Version = "(.*)"',
    "clients/typescript/package.json": r'"version": "(.*)"',
    "clients/typescript/src/client.ts": r'export const VERSION = "(.*)"',
    "clients/java/pom.xml": r"<artifactId>herdbook-client</artifactId>\s*<version>(.*)</version>",
    "clients/java/src/main/java/dev/herdbook/client/Herdbook.java": r'String VERSION = "(.*)"',
    "clients/cpp/CMakeLists.txt": r"project\(herdbook VERSION (\S+)",
    "tests/clients/cpp/CMakeLists.txt": r"find_package\(herdbook (\S+)",
    "deploy/helm/herdbook/Chart.yaml": r"\nversion: (\S+)",
    "tests/clients/java/pom.xml": r"<artifactId>herdbook-client</artifactId><version>(.*?)</version>",
}


def problems() -> list[str]:
    """The places that do not say what Cargo.toml says."""
    said = {place: re.search(pattern, Path(place).read_text()) for place, pattern in PLACES.items()}
    versions = {place: match and match[1] for place, match in said.items()}
    wanted = versions["Cargo.toml"]
    return [f"{place} says version {found}, not {wanted}" for place, found in versions.items() if found != wanted]
