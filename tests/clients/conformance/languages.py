"""The programs: how each is built, and how it is started. All paths are from the top of the repository."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

CLIENTS = "tests/clients"
BINARY = Path(os.environ.get("HERDBOOK_TEST_BINARY", "target/debug/herdbook"))


@dataclass(frozen=True)
class Language:
    """A program of the scenario in one language."""

    build: str | None
    """A shell command that makes it ready."""
    run: tuple[str, ...]


LANGUAGES = {
    "Python": Language(None, (sys.executable, f"{CLIENTS}/python/conformance.py")),
    "Python package": Language(
        None,  # The script that runs this has laid it there.
        (
            "env", f"PYTHONPATH={os.environ.get('HERDBOOK_TEST_PACKAGE_PATH', '')}",
            os.environ.get("HERDBOOK_TEST_PACKAGE", sys.executable), f"{CLIENTS}/python_package/conformance.py",
        ),  # fmt: skip
    ),
    "Go": Language(
        f"go -C {CLIENTS}/go build -o ../../../target/clients/conformance-go .",
        ("target/clients/conformance-go",),
    ),
    "TypeScript": Language(
        None,  # The script that runs this has built the package.
        (os.environ.get("HERDBOOK_TEST_NODE", "node"), f"{CLIENTS}/typescript/conformance.ts"),
    ),
    "Java": Language(
        "mvn --quiet --batch-mode --file clients/java/pom.xml install"
        f" && mvn --quiet --batch-mode --file {CLIENTS}/java/pom.xml package",
        ("java", "-jar", f"{CLIENTS}/java/target/conformance.jar"),
    ),
    "Rust": Language(None, (str(BINARY.with_name("herdbook-conformance")),)),  # Built with all of the workspace.
    "C++": Language(
        "cmake -S clients/cpp -B target/clients/cpp/client -DCMAKE_INSTALL_PREFIX=$PWD/target/clients/cpp/installed"
        " && cmake --build target/clients/cpp/client --parallel $(nproc) --target install"
        " && ctest --test-dir target/clients/cpp/client --output-on-failure"
        f" && cmake -S {CLIENTS}/cpp -B target/clients/cpp/conformance -DCMAKE_PREFIX_PATH=$PWD/target/clients/cpp/installed"
        " && cmake --build target/clients/cpp/conformance --parallel $(nproc)",
        ("target/clients/cpp/conformance/conformance",),
    ),
}
