# Shared by the scripts beside it: words on the terminal, what is installed, stamps that spare work.
# Sourced, never run. Knows nothing of what the scripts do with it.

NODE_WANTED="20.19"

say() { printf '%s\n' "==> $*"; }
warn() { printf '%s\n' "warning: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

need_cargo() {
  have cargo || { warn "cargo is missing: install Rust 1.95 or newer with rustup, then try again"; return 1; }
  cargo --version >/dev/null || { warn "cargo is there but does not run"; return 1; }
}

# Node and npm, new enough for the admin UI.
have_node() {
  have node && have npm && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    const [m, n] = process.argv[1].split(".").map(Number);
    process.exit(major > m || (major === m && minor >= n) ? 0 : 1);' "$NODE_WANTED"
}

node_found() { if have node; then node --version; else echo none; fi; }

sha() { if have sha256sum; then sha256sum; else shasum -a 256; fi; }

# One digest over the names and contents of the files given on standard input, one a line.
digest_of_files() {
  LC_ALL=C sort | while IFS= read -r file; do printf '%s\n' "$file"; cat "$file"; done | sha | cut -d' ' -f1
}

# retry COUNT COMMAND...: tries again after a pause; for downloads, whose faults pass.
retry() {
  local count=$1 attempt=1
  shift
  until "$@"; do
    [ "$attempt" -lt "$count" ] || return 1
    warn "\`$1\` failed (attempt $attempt of $count), trying again"
    sleep $((attempt * 5))
    attempt=$((attempt + 1))
  done
}

# npm ci in a folder, unless its lock file and Node are those of the last time.
npm_ci() {
  local folder=$1 stamp="$1/node_modules/.packwork-installed" wanted
  wanted="$(digest_of_files <<<"$folder/package-lock.json") $(node --version)"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    return 0
  fi
  say "installing the packages of $folder"
  (cd "$folder" && retry 3 npm ci --no-progress) || return 1
  printf '%s\n' "$wanted" >"$stamp"
}

# Builds admin-ui/dist, unless its sources are those of the last time.
ui_build() {
  local stamp="admin-ui/node_modules/.packwork-built" wanted
  wanted="$({ find admin-ui/src admin-ui/public admin-ui/scripts -type f; ls admin-ui/index.html admin-ui/*.json admin-ui/*.ts; } | digest_of_files)"
  if [ -f admin-ui/dist/index.html ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    say "admin UI: unchanged since the last build"
    return 0
  fi
  (cd admin-ui && npm run --silent build) || return 1
  printf '%s\n' "$wanted" >"$stamp"
}

# apt_install PACKAGE...: on Debian as root installs them; elsewhere says what is missing and fails.
apt_install() {
  if ! have apt-get || [ "$(id -u)" -ne 0 ]; then
    warn "missing: $* (as root on Debian this script installs it by itself)"
    return 1
  fi
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  retry 3 apt-get -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -qq update </dev/null || return 1
  retry 3 apt-get -o Acquire::Retries=3 -o Acquire::http::Timeout=30 -qq install -y --no-install-recommends "$@" </dev/null
}

# Where PostgreSQL keeps its server programs, newest first; nothing when it is not installed.
postgres_bin() {
  local found
  if have initdb && have pg_ctl; then
    dirname "$(command -v initdb)"
    return 0
  fi
  found="$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin 2>/dev/null | sort -V | tail -n 1)"
  [ -n "$found" ] && [ -x "$found/initdb" ] && printf '%s\n' "$found"
}

chromium_path() {
  local name
  if [ -n "${CHROMIUM:-}" ]; then
    printf '%s\n' "$CHROMIUM"
    return 0
  fi
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if have "$name"; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}
