# shellcheck shell=bash disable=SC2154 # its variables are those of ./dev
# The web app: what it is built with, and what it is tested in. A part of ./dev.

# The app in $app/dist, built anew when something of it is newer.
need_app() {
  need_node
  npm_install $app
  local generated=$app/src/generated
  if stale $generated proto; then
    say "generate: the app's client from proto/"
    npm run --silent --prefix $app generate
    touch $generated
  fi
  stale $app/dist/index.html $app/src $app/build $app/public $app/index.html $app/*.json $app/vite.config.ts docs/reference || return 0
  say "build: the web app"
  quietly npm run --silent --prefix $app build
}

check_app() {
  npm run --silent --prefix $app check
  npm run --silent --prefix $app test
}

test_in_browser() {
  case $HERDBOOK_TEST_BINARY in /*) ;; *) HERDBOOK_TEST_BINARY=$PWD/$HERDBOOK_TEST_BINARY ;; esac
  HERDBOOK_TEST_BROWSER=$(find_browser) HERDBOOK_SCREENSHOTS=$target/screenshots npm run --silent --prefix $app e2e
}
