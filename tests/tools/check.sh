#!/usr/bin/env bash
# make check: does the workspace still compile, do the engine's tests still pass. For every few minutes of work.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools/lib.sh

need_cargo
cargo check --workspace --quiet
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run -p packwork-engine --lib --no-tests=warn --status-level fail --show-progress none "$@"
else
  cargo test -p packwork-engine --lib --quiet "$@"
fi
say "checked in ${SECONDS} s"
