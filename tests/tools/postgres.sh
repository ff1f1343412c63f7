# A PostgreSQL server for the tests: fresh, on a free loopback port, in a temporary folder, gone afterwards.
# Sourced, never run. Works as root (the server runs as an unprivileged user) and as anyone else.

POSTGRES_FOLDER=""

free_port() {
  # The system picks it; whoever takes it in between makes the start fail, which is tried again.
  if have node; then
    node -e 'const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
      console.log(server.address().port);
      server.close();
    });'
  else
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)->sockport'
  fi
}

as_postgres() {
  if [ "$(id -u)" -ne 0 ]; then
    "$@"
    return
  fi
  local user=nobody
  if id postgres >/dev/null 2>&1; then user=postgres; fi
  setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@"
}

# Starts it and exports PACKWORK_TEST_POSTGRES; keeps one that is named already.
postgres_start() {
  [ -n "${PACKWORK_TEST_POSTGRES:-}" ] && return 0
  local bin port password attempt
  bin="$(postgres_bin)" || return 1
  POSTGRES_FOLDER="$(mktemp -d "${TMPDIR:-/tmp}/packwork-postgres.XXXXXX")"
  password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  (umask 077 && printf '%s\n' "$password" >"$POSTGRES_FOLDER/password")
  if [ "$(id -u)" -eq 0 ]; then
    chown -R "$(as_postgres id -u):$(as_postgres id -g)" "$POSTGRES_FOLDER"
  fi
  # The folder of the caller may be closed to the user the server runs as.
  (cd / && as_postgres "$bin/initdb" -D "$POSTGRES_FOLDER/data" -U packwork -A scram-sha-256 \
    --pwfile="$POSTGRES_FOLDER/password" -E UTF8 --locale=C --no-sync >"$POSTGRES_FOLDER.log" 2>&1) || {
    cat "$POSTGRES_FOLDER.log" >&2
    return 1
  }
  for attempt in 1 2 3; do
    port="$(free_port)"
    if (cd / && as_postgres "$bin/pg_ctl" -D "$POSTGRES_FOLDER/data" -l "$POSTGRES_FOLDER/log" -w -t 60 -o "-p $port \
      -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c synchronous_commit=off \
      -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB" start >/dev/null 2>&1); then
      export PACKWORK_TEST_POSTGRES="postgres://packwork:$password@127.0.0.1:$port/postgres"
      return 0
    fi
  done
  cat "$POSTGRES_FOLDER/log" >&2
  return 1
}

postgres_stop() {
  [ -n "$POSTGRES_FOLDER" ] || return 0
  local bin
  if bin="$(postgres_bin)" && [ -f "$POSTGRES_FOLDER/data/postmaster.pid" ]; then
    (cd / && as_postgres "$bin/pg_ctl" -D "$POSTGRES_FOLDER/data" -m immediate -w -t 30 stop >/dev/null 2>&1) || true
  fi
  rm -rf "$POSTGRES_FOLDER" "$POSTGRES_FOLDER.log"
  POSTGRES_FOLDER=""
}
