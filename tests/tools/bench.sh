#!/usr/bin/env bash
# make bench: the load measurement, in release. Its figures are ratios of one run: they compare between machines.
# Arguments go to it: `--orders N`, `--rounds N`, `--json`, or `micro` for the engine alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools/lib.sh

need_cargo
say "building the measurement (release)"
cargo build --release -p packwork-tests --bin load
exec "${CARGO_TARGET_DIR:-target}/release/load" "$@"
