#!/usr/bin/env bash
# PostgreSQL's server programs: the storage tests start a server of their own from them.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

for bin in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
  if [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then exit 0; fi
done

# Debian's package would make and start a server of its own; only its programs are wanted.
if [ "$(id -u)" = 0 ]; then
  quiet=/etc/postgresql-common/createcluster.d/tap-tests.conf
  trap 'rm -f "$quiet"' EXIT
  mkdir -p "$(dirname "$quiet")"
  echo 'create_main_cluster = false' >"$quiet"
fi
need PostgreSQL "the storage tests on PostgreSQL" postgresql
