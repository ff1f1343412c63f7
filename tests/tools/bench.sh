#!/usr/bin/env bash
# make bench: the load measurements, in release. Prints ratios, not times: they are comparable between machines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools/lib.sh

need_cargo
say "building the measurements (release)"
cargo bench -p packwork-tests "$@"
