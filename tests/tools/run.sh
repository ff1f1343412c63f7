#!/usr/bin/env bash
# make run: builds the admin UI and the binary, then starts the demo. Arguments go to `packwork demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools/lib.sh

need_cargo
if have_node; then
  npm_ci admin-ui
  say "building the admin UI"
  ui_build
else
  say "no Node $NODE_WANTED or newer (found: $(node_found)): going on without the admin UI; the API and the command line work"
fi
say "building the binary (release; the first time takes several minutes)"
cargo build --release -p packwork
if [ "${1:-}" = "--build-only" ]; then
  say "built ${CARGO_TARGET_DIR:-target}/release/packwork"
  exit 0
fi
say "starting the demo"
exec "${CARGO_TARGET_DIR:-target}/release/packwork" demo "$@"
