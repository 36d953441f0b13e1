# shellcheck shell=bash
# What the machine must have, and how it is installed where it is missing. A part of ./dev.

readonly oldest_postgres=14

# need THING...: installs those of browser, compiler, cpp, java, python, postgres and rust that are missing.
need() {
  local thing missing=''
  for thing in "$@"; do
    "has_$thing" || missing="$missing $thing"
  done
  [ -n "$missing" ] || return 0
  say "install:$missing"
  # shellcheck disable=SC2086 # words
  if command -v apt-get >/dev/null; then install_with_apt $missing
  elif command -v brew >/dev/null; then install_with_brew $missing
  else fail "please install$missing: neither apt-get nor brew is here to do it"; fi
  case $missing in *rust*) install_rust ;; esac
  for thing in $missing; do
    "has_$thing" || fail "$(lacking "$thing")"
  done
}

lacking() {
  case $1 in
    compiler) echo "no C compiler, though installed: is \`cc\` on PATH?" ;;
    cpp) echo "CMake 3.25 or newer, a C++ compiler and the libraries of gRPC are needed, and this system's packages are older" ;;
    java) echo "Java 17 or newer and Maven 3.8 or newer are needed, and this system's packages are older" ;;
    python) echo "Python 3.11 or newer with venv is needed, and this system's package is older" ;;
    postgres) echo "the programs of PostgreSQL $oldest_postgres or newer are needed, and this system's package is older" ;;
    browser) echo "Chromium or Chrome is needed to test the web app, and this system's package has none; ./dev test --fast does without" ;;
    rust) echo "Rust $(rust_version) with clippy and rustfmt is needed: see https://rustup.rs" ;;
  esac
}

has_compiler() { command -v cc >/dev/null; }

# What builds programs with gRPC in C++.
has_cpp() {
  local have
  have=$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p') && at_least 3.25 "$have" &&
    command -v c++ >/dev/null && command -v grpc_cpp_plugin >/dev/null && command -v protoc >/dev/null &&
    [ -e "$(cpp_header grpcpp/grpcpp.h)" ] && [ -e "$(cpp_header google/protobuf/message.h)" ] && [ -e "$(cpp_header openssl/evp.h)" ]
}

cpp_header() {
  local folder
  for folder in /usr/include /usr/local/include /opt/homebrew/include; do
    [ ! -e "$folder/$1" ] || echo "$folder/$1"
  done
}

has_java() {
  local have
  have=$(javac -version 2>&1 | cut -d' ' -f2) && at_least 17 "$have" && command -v mvn >/dev/null
}

has_python() { find_python >/dev/null; }

find_python() {
  local python
  for python in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return 0
    fi
  done
  return 1
}

# Where Herdbook itself looks for them.
has_postgres() {
  local program major
  for program in "${HERDBOOK_POSTGRES_BIN:-}/postgres" "$(command -v postgres)" /usr/lib/postgresql/*/bin/postgres \
    /usr/local/lib/postgresql/*/bin/postgres /opt/homebrew/opt/*/bin/postgres /usr/local/opt/*/bin/postgres \
    /Applications/Postgres.app/Contents/Versions/*/bin/postgres; do
    [ -x "$program" ] || continue
    major=$("$program" --version | sed 's/.*(PostgreSQL) \([0-9]*\).*/\1/')
    [ "$major" -ge $oldest_postgres ] && return 0
  done
  return 1
}

has_browser() { find_browser >/dev/null; }

find_browser() {
  local program
  for program in chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
    command -v "$program" && return 0
  done
  return 1
}

has_rust() {
  local have
  have=$(cargo --version 2>/dev/null | cut -d' ' -f2) && at_least "$(rust_version)" "$have" &&
    cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1
}

rust_version() { sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml; }

# at_least WANTED HAVE: compares dotted versions.
at_least() {
  awk -v want="$1" -v have="$2" 'BEGIN {
    split(want, w, "."); split(have, h, ".")
    for (i = 1; i <= 3; i++) if (w[i] + 0 != h[i] + 0) exit !(h[i] + 0 > w[i] + 0)
  }'
}

install_with_apt() {
  local thing packages=''
  for thing in "$@"; do
    case $thing in
      compiler) packages="$packages gcc libc6-dev" ;;
      cpp) packages="$packages g++ make cmake libgrpc++-dev libprotobuf-dev libabsl-dev libre2-dev libc-ares-dev libssl-dev zlib1g-dev"
        packages="$packages protobuf-compiler protobuf-compiler-grpc" ;;
      java) packages="$packages openjdk-17-jdk-headless maven" ;;
      python) packages="$packages python3 python3-venv" ;;
      postgres) packages="$packages postgresql" ;;
      browser) packages="$packages chromium fonts-dejavu-core" ;;
      rust) command -v curl >/dev/null || packages="$packages curl ca-certificates" ;;
    esac
  done
  [ -n "$packages" ] || return 0
  quietly as_root apt-get update
  # The package would start a cluster of its own. Herdbook runs its own, so say no for as long as this takes.
  local no_cluster=/etc/postgresql-common/createcluster.d/herdbook.conf
  as_root mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' | as_root tee $no_cluster >/dev/null
  local outcome=0
  # shellcheck disable=SC2086 # words
  quietly as_root apt-get install -y --no-install-recommends $packages || outcome=$?
  as_root rm -f $no_cluster
  return $outcome
}

# What it prints is shown only if it fails.
quietly() {
  local log outcome=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || outcome=$?
  [ $outcome = 0 ] || cat "$log" >&2
  rm -f "$log"
  return $outcome
}

as_root() {
  if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; return; fi
  command -v sudo >/dev/null || fail "to install packages, run this once as root or install sudo: $*"
  sudo env DEBIAN_FRONTEND=noninteractive ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} "$@"
}

install_with_brew() {
  local thing
  for thing in "$@"; do
    case $thing in
      compiler) fail "run \`xcode-select --install\` for a C compiler, then try again" ;;
      cpp) brew install --quiet cmake grpc openssl ;;
      java) brew install --quiet openjdk maven ;;
      python) brew install --quiet python@3.13 ;;
      postgres) brew install --quiet postgresql@17 ;;
      browser) brew install --quiet --cask google-chrome ;;
    esac
  done
}

# By Rust's own installer, unless rustup is here and lacks only this version.
install_rust() {
  if ! command -v rustup >/dev/null; then
    local installer
    installer=$(mktemp)
    curl --proto '=https' --tlsv1.2 -fsSL https://sh.rustup.rs -o "$installer" ||
      fail "could not download Rust's installer; $(lacking rust)"
    RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$installer" -y --quiet --no-modify-path --profile minimal --default-toolchain none
    rm -f "$installer"
  fi
  PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  rustup toolchain install "$(rust_version)" --profile minimal --component clippy --component rustfmt
}
