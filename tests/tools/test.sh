#!/usr/bin/env bash
# make test: everything that must hold, the cheap things first. Goes on after a failure, so that one run shows all of
# them. Installs what is missing when it can. The last line is `N passed, N failed`: each Rust test, UI test and journey
# step counts one, and so does each check (formatting, lints, build, budgets).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools/lib.sh
. tests/tools/postgres.sh

passed=0
failed=0
times=""
stage_name=""
stage_started=0
server_pid=""
scratch="$(mktemp -d "${TMPDIR:-/tmp}/packwork-test.XXXXXX")"
target="${CARGO_TARGET_DIR:-target}"
locked=()
if [ -n "${CI:-}" ]; then locked=(--locked); fi

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null
  for _ in $(seq 50); do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.2
  done
  kill -9 "$server_pid" 2>/dev/null
  wait "$server_pid" 2>/dev/null
  server_pid=""
}
clean_up() {
  stop_server
  postgres_stop
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
}

stage_end() {
  [ -n "$stage_name" ] || return 0
  times="$times$(printf '%5s s  %s' "$((SECONDS - stage_started))" "$stage_name")"$'\n'
  stage_name=""
}
stage() {
  stage_end
  stage_name=$1
  stage_started=$SECONDS
  say "$1"
}

# check COMMAND...: one check, counted once.
check() {
  if "$@"; then
    count 1 0
  else
    count 0 1
    warn "failed: $*"
    return 1
  fi
}

# patiently COMMAND...: ends what hangs, long before continuous integration would.
patiently() {
  if have timeout; then timeout --kill-after=10 2700 "$@"; else "$@"; fi
}

# tally LOG STATUS: adds the last `N passed, N failed` of a log; a failure without one counts as one.
tally() {
  local line p f
  line="$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$1" | tail -n 1)"
  if [ -z "$line" ]; then
    count 0 1
    return
  fi
  p="${line%% passed*}"
  f="${line##*, }"
  f="${f%% failed}"
  if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  count "$p" "$f"
}

# Adds the `test result:` lines of cargo test.
tally_libtest() {
  local p f
  p="$(grep -aE '^test result:' "$1" | sed -E 's/.* ([0-9]+) passed;.*/\1/' | awk '{ n += $1 } END { print n + 0 }')"
  f="$(grep -aE '^test result:' "$1" | sed -E 's/.* ([0-9]+) failed;.*/\1/' | awk '{ n += $1 } END { print n + 0 }')"
  if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  count "$p" "$f"
}

stage "tools"
need_cargo || { echo "0 passed, 1 failed"; exit 1; }
if ! have_node; then apt_install nodejs npm; fi
if ! postgres_bin >/dev/null && [ -z "${PACKWORK_TEST_POSTGRES:-}" ]; then apt_install postgresql; fi
if ! chromium_path >/dev/null; then apt_install chromium fonts-noto-cjk; fi
node_ready=no
if have_node; then node_ready=yes; else warn "Node $NODE_WANTED or newer is missing (found: $(node_found)): UI tests and journey cannot run"; fi
say "$(cargo --version), node $(node_found)"

stage "formatting"
check cargo fmt --all --check

stage "UI: packages"
if [ "$node_ready" = yes ] && check npm_ci admin-ui; then
  stage "UI: types, lints, unit tests"
  (cd admin-ui && npm test --silent) </dev/null 2>&1 | tee "$scratch/ui.log"
  tally "$scratch/ui.log" "${PIPESTATUS[0]}"
  stage "UI: build and budgets"
  check ui_build && check npm --prefix admin-ui run --silent budgets
elif [ "$node_ready" = no ]; then
  count 0 1
fi

stage "lints"
check cargo clippy --workspace --all-targets "${locked[@]}" --quiet -- -D warnings

stage "PostgreSQL"
if check postgres_start; then
  say "PostgreSQL at ${PACKWORK_TEST_POSTGRES#*@}"
else
  warn "no PostgreSQL: what asks for it fails"
fi

# Not cargo nextest: it starts a process per test, and each process that tests HTTP would install the packs anew.
stage "Rust tests: build"
if check cargo test --workspace --tests "${locked[@]}" --no-run --quiet; then
  stage "Rust tests: run"
  patiently cargo test --workspace --tests "${locked[@]}" --no-fail-fast --quiet </dev/null 2>&1 | tee "$scratch/rust.log"
  tally_libtest "$scratch/rust.log" "${PIPESTATUS[0]}"
  stage "doc tests"
  patiently cargo test --workspace --doc "${locked[@]}" --no-fail-fast --quiet </dev/null 2>&1 | tee "$scratch/doc.log"
  tally_libtest "$scratch/doc.log" "${PIPESTATUS[0]}"
fi

journey() {
  local port password address
  chromium_path >/dev/null || { warn "Chromium is missing"; return 1; }
  npm_ci tests/e2e || return 1
  cargo build --workspace --bins "${locked[@]}" --quiet || return 1
  port="$(free_port)"
  password="$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"
  address="http://127.0.0.1:$port"
  "$target/debug/packwork" demo --listen "127.0.0.1:$port" --data "$scratch/demo" --password "$password" \
    </dev/null >"$scratch/server.log" 2>&1 &
  server_pid=$!
  for _ in $(seq 300); do
    if ! kill -0 "$server_pid" 2>/dev/null; then
      warn "the demo ended before it was ready"
      tail -n 40 "$scratch/server.log" >&2
      return 1
    fi
    if node -e 'fetch(process.argv[1]).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))' "$address/healthz"; then
      CHROMIUM="$(chromium_path)" patiently node tests/e2e/journey.mjs --base "$address" --user admin --password "$password" \
        </dev/null 2>&1 | tee "$scratch/journey.log"
      tally "$scratch/journey.log" "${PIPESTATUS[0]}"
      return 0
    fi
    sleep 1
  done
  warn "the demo was not ready after 300 s"
  tail -n 40 "$scratch/server.log" >&2
  return 1
}

stage "browser journey"
if [ "$node_ready" = yes ]; then
  journey || count 0 1
  stop_server
else
  count 0 1
fi

stage_end
say "seconds per stage"
printf '%s' "$times"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
