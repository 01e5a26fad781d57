#!/usr/bin/env bash
# A C compiler: the crowd that lives through restarts is a program in C (tests/bench/realtime/load.c).
set -euo pipefail
. "$(dirname "$0")/apt.sh"

command -v cc >/dev/null || need "C compiler" "the test of a crowd under restarts" gcc libc6-dev
