#!/bin/sh
# Makes a model again from what was recorded of it; README.md beside this says what, and what it needs.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$here/work
mkdir -p "$work/data"
status=0

say() { printf '%s\n' "$*" >&2; }
fail() { say "reproduce: $*"; exit 1; }

if command -v sha256sum >/dev/null; then sha256=sha256sum; else sha256='shasum -a 256'; fi
# The hexadecimal SHA-256 of a file.
digest() { $sha256 <"$1" | cut -d ' ' -f 1; }

# code REPOSITORY COMMIT DIFF: the code as it was, with changes that were not committed.
code() {
    repository=${REPOSITORY:-$1}
    [ -n "$repository" ] && [ -n "$2" ] || fail 'the code is not known: neither repository nor commit may be missing'
    if [ ! -d "$work/code/.git" ]; then
        GIT_ALLOW_PROTOCOL=file:git:http:https:ssh git clone --quiet --no-checkout -- "$repository" "$work/code" ||
            fail "$repository cannot be cloned; name another address with REPOSITORY=…"
    fi
    git -C "$work/code" checkout --quiet --force --detach "$2" -- || fail "$repository has no commit $2"
    git -C "$work/code" clean -ffdxq
    if [ -n "$3" ]; then
        [ -f "$3" ] || fail "the changes that the commit lacks are not known: put them at $3"
        git -C "$work/code" apply --whitespace=nowarn -- "$3"
    fi
}

# environment MAJOR.MINOR: a Python with the packages.
environment() {
    python=$(command -v "python$1" || command -v python3 || command -v python) || fail 'there is no Python'
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ -z "$1" ] || [ "$version" = "$1" ] || say "warning: Python $1 was recorded, and $version is here"
    [ -d "$work/venv" ] || "$python" -m venv "$work/venv"
    PATH=$work/venv/bin:$PATH
    export PATH
    [ ! -s "$here/requirements.txt" ] ||
        python -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" ||
        fail 'the packages cannot be installed'
}

# fetch URI FILE: data from where it lay.
fetch() {
    case $1 in
        '') return 1 ;;
        file://*) cp -R -- "${1#file://}" "$2" ;;
        http://* | https://*) curl --fail --silent --show-error --location --proto '=http,https' --output "$2" "$1" ;;
        s3://*) command -v aws >/dev/null && aws s3 cp --only-show-errors "$1" "$2" ;;
        runs:/*/*)
            rest=${1#runs:/}
            command -v herdbook >/dev/null && herdbook artifacts get --to "$2" -- "${rest%%/*}" "${rest#*/}" ;;
        /*) cp -R -- "$1" "$2" ;;
        *) cp -R -- "$work/code/$1" "$2" ;;
    esac
}

# data NAME SHA256 URI FILE: data as it was read; of another digest it is another.
data() {
    file=$work/data/$4
    if [ ! -e "$file" ]; then
        fetch "$3" "$file.part" || fail "$1 cannot be fetched from ${3:-an unknown place}: put it at $file and run this again"
        mv -- "$file.part" "$file"
    fi
    if [ -z "$2" ] || [ -d "$file" ]; then
        say "warning: nobody can say whether $file is the $1 that was read: no SHA-256 of a file was recorded"
    elif [ "$(digest "$file")" != "$2" ]; then
        fail "$file is not the $1 that was read: its SHA-256 is $(digest "$file"), not $2; put the right one there and run this again"
    fi
}

# run WORD…: the command, where the code is.
run() {
    say "running: $*"
    cd -- "$work/code"
    "$@"
}

# The digests of all that is there now.
list_outputs() {
    # shellcheck disable=SC2086
    find "${OUTPUTS:-.}" -name .git -prune -o -type f -exec $sha256 {} + >"$work/outputs"
}

# expect PATH SHA256: a file that came out, wherever it is now.
expect() {
    # A name with a line end makes the line begin with a backslash.
    if grep -q "^[\\]\{0,1\}$2 " "$work/outputs"; then
        say "the same: $1"
    else
        say "another, or none: $1"
        status=1
    fi
}

