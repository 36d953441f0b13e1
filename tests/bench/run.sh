#!/usr/bin/env bash
# Measures the release binary: how soon it is ready, what it takes, how fast it is, and what MLflow's server comes to
# on the same Postgres. Options go to the measuring client (--quick for a smaller measurement); --no-peers leaves MLflow
# out. Run by `./dev bench`, which sets HERDBOOK_BENCH_PYTHON.
set -euo pipefail
cd "$(dirname "$0")/../.."
herdbook=$PWD/target/release/herdbook
python=${HERDBOOK_BENCH_PYTHON:-}
options=() quick=()
for option; do
  case $option in
    --no-peers) python='' ;;
    --quick) quick=(--quick) options+=(--quick) ;;
    *) options+=("$option") ;;
  esac
done
cargo build --release --quiet --locked -p herdbook-bench
folder=$(mktemp -d /tmp/herdbook-bench-XXXXXX)
chmod 755 "$folder"
pid=
trap '[ -z "$pid" ] || { kill $pid; wait $pid || true; } 2>/dev/null; rm -rf "$folder"' EXIT

# row NAME VALUE UNIT: as the measuring client prints its own.
row() { printf '%-52s %12s %s\n' "$1" "$2" "$3"; }

now() { python3 -c 'import time; print(int(time.time() * 1000))'; }

start() {
  rm -f "$folder/ready.json"
  local began
  began=$(now)
  "$herdbook" up --listen 127.0.0.1:0 --data-dir "$folder/data" --ready-file "$folder/ready.json" >/dev/null &
  pid=$!
  until [ -s "$folder/ready.json" ]; do sleep 0.01; done
  row "ready, $1 data directory" $(($(now) - began)) ms
}
ready() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$folder/ready.json"; }
memory() { row "$1" $(($(ps -o rss= -p $pid) / 1024)) MiB; }

nproc=$(getconf _NPROCESSORS_ONLN)
row "cores" "$nproc" ""
row "release binary" $(($(wc -c <"$herdbook") / 1048576)) MiB
start new
kill $pid
wait $pid || true
start existing
sleep 3
memory "memory of the idle process"
if [ -n "$python" ]; then
  "$python" tests/bench/peers/mlflow_server.py "$(ready database)" ${quick[@]+"${quick[@]}"} >"$folder/mlflow.json"
  options+=(--peer "$folder/mlflow.json")
fi
"${CARGO_TARGET_DIR:-target}/release/herdbook-bench" "$(ready address)" --database-url "$(ready database)" --pid $pid \
  ${options[@]+"${options[@]}"}
memory "memory of the process afterwards"
[ -z "$python" ] || { echo "MLflow by itself:" && cat "$folder/mlflow.json"; }
