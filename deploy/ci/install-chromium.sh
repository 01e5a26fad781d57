#!/usr/bin/env bash
# Chromium for the browser tests, and fonts for the languages and signs their pictures show.
set -euo pipefail
. "$(dirname "$0")/apt.sh"

packages=()
if [ ! -x "${TAP_CHROMIUM:-/nowhere}" ] && ! command -v chromium >/dev/null; then packages+=(chromium); fi
if command -v dpkg-query >/dev/null; then
  for font in fonts-noto-core fonts-noto-color-emoji; do
    installed "$font" || packages+=("$font")
  done
fi
case "${packages[*]:-}" in
  "") ;;
  chromium*) need Chromium "the browser tests" "${packages[@]}" ;;
  *) need "fonts for Chromium" "nothing, but pictures of some scripts" "${packages[@]}" ;;
esac
