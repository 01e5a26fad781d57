#!/usr/bin/env bash
# nginx and curl: the tests of event streams go through the one, and are followed with the other.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

packages=()
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || packages+=(nginx-light)
command -v curl >/dev/null || packages+=(curl)
[ ${#packages[@]} -gt 0 ] || exit 0

# Debian's nginx would start and listen on port 80; only its program is wanted (policy-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
need "${packages[*]}" "tests of event streams" "${packages[@]}"
