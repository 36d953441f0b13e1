#!/usr/bin/env bash
# Measures the release binary: how soon it is ready, what it takes, how fast it is. Options go to the measuring client
# (--quick for a smaller measurement). Run by `./dev bench`.
set -euo pipefail
cd "$(dirname "$0")/../.."
herdbook=$PWD/target/release/herdbook
cargo build --release --quiet --locked -p herdbook-bench
folder=$(mktemp -d /tmp/herdbook-bench-XXXXXX)
chmod 755 "$folder"
pid=
trap '[ -z "$pid" ] || { kill $pid; wait $pid || true; } 2>/dev/null; rm -rf "$folder"' EXIT

start() {
  rm -f "$folder/ready.json"
  local began
  began=$(python3 -c 'import time; print(time.time())')
  "$herdbook" up --listen 127.0.0.1:0 --data-dir "$folder/data" --ready-file "$folder/ready.json" >/dev/null &
  pid=$!
  until [ -s "$folder/ready.json" ]; do sleep 0.01; done
  python3 -c "import time; print(f'{\"ready, $1 data directory\":55} {(time.time() - $began) * 1000:>14.0f} ms')"
}

printf '%-55s %14.1f MiB\n' "release binary" "$(($(wc -c <"$herdbook") * 10 / 1048576))e-1"
start new
kill $pid
wait $pid || true
start existing
sleep 3
printf '%-55s %14.1f MiB\n' "memory of the idle process" "$(($(ps -o rss= -p $pid) * 10 / 1024))e-1"
"${CARGO_TARGET_DIR:-target}/release/herdbook-bench" "$(sed 's/.*"address":"\([^"]*\)".*/\1/' "$folder/ready.json")" --pid $pid "$@"
printf '%-55s %14.1f MiB\n' "memory of the process afterwards" "$(($(ps -o rss= -p $pid) * 10 / 1024))e-1"
