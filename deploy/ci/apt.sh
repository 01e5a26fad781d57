# Sourced, not run: gets Debian packages for tests, or says loudly what will not be tested.
#
#   need WHAT TESTS PACKAGE...
#
# WHAT names the program in a sentence, TESTS the tests which are skipped without it. As root on a
# Debian or Ubuntu it installs; elsewhere it only tells, except in CI (CI=true): there a skipped test
# would pass unseen, so it fails.

installed() { dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

need() {
  local what=$1 tests=$2
  shift 2
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    missing "$what" "$tests" "as root on Debian or Ubuntu: apt-get install $*"
    return
  fi
  echo "Installing $what: $*"
  update_lists
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >/dev/null ||
    missing "$what" "$tests" "apt-get install $* failed"
}

# The lists of an hour ago are good enough; a machine that never fetched them has none.
update_lists() {
  [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -mmin -60 -print -quit 2>/dev/null)" ] ||
    apt-get update --quiet=2 -o DPkg::Lock::Timeout=300 || true
}

missing() {
  printf '\n****  No %s: %s will be SKIPPED.\n****  %s\n\n' "$1" "$2" "$3" >&2
  [ "${CI:-}" != true ]
}
