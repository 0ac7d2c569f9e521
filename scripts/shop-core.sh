#!/usr/bin/env bash
# Copies the example shop with the official MongoDB driver into a folder that `storex up --core` takes. Without a database the shop needs no driver,
# and examples/store-core serves as it is.
#
#   scripts/shop-core.sh DIR              a core in DIR, which must not exist
#   scripts/shop-core.sh --install        only bring the driver; running it again changes nothing
#
# The driver is pinned by examples/shop-driver/package-lock.json and lies below the prefix of scripts/install-host.sh (STOREX_TOOLS, default /opt/storex as
# root, else ~/.local/share/storex), in shop-driver/node_modules.
set -euo pipefail
umask 022

if [ "$(id -u)" -eq 0 ]; then
  default_prefix=/opt/storex
else
  default_prefix="${HOME:?HOME must be set}/.local/share/storex"
fi
readonly driver="${STOREX_TOOLS:-$default_prefix}/shop-driver"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly pinned="$here/../examples/shop-driver"

say() { printf 'shop-core: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# The lock file is copied last: without it, or with another one, an installation is not finished.
serves() { cmp -s "$pinned/package-lock.json" "$driver/package-lock.json" && [ -r "$driver/node_modules/mongodb/package.json" ]; }

install_driver() {
  mkdir -p "$driver"
  # Two runs at once take turns.
  exec 9>"$driver.lock"
  flock 9
  if serves; then return 0; fi
  command -v npm >/dev/null || fail 'npm is missing; scripts/install-host.sh brings it'
  say "bringing the MongoDB driver to $driver"
  rm -rf "$driver"
  mkdir -p "$driver.part"
  cp "$pinned/package.json" "$pinned/package-lock.json" "$driver.part/"
  npm --no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error ci --prefix "$driver.part" --omit=dev >&2
  # Types, maps and sources are for those who develop; links are for those who run commands of packages.
  find "$driver.part/node_modules" \( -name '*.d.ts' -o -name '*.map' -o -path '*/mongodb/src/*' -o -path '*/bson/src/*' -o -name '.bin' \) -prune \
    -exec rm -rf {} +
  mv "$driver.part" "$driver"
  serves || fail 'the driver is still missing after its installation'
}

case "${1:-}" in
  --install) install_driver ;;
  '' | -h | --help) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  -*) fail "unknown argument $1" ;;
  *)
    [ ! -e "$1" ] || fail "$1 exists already"
    install_driver
    cp -r "$here/../examples/store-core" "$1"
    cp -r "$driver/node_modules" "$1/node_modules"
    ;;
esac
