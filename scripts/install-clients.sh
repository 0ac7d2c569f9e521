#!/usr/bin/env bash
# Brings the official Cloudflare clients that the simulator is held against: the Python one into a virtual environment, the
# TypeScript one into a folder of its own. Pinned; running it again changes nothing and takes well under a second.
#
#   scripts/install-clients.sh            install what is missing
#   scripts/install-clients.sh --check    change nothing; exit 1 and name the command when something is missing
#
# They lie below the prefix of scripts/install-host.sh (STOREX_TOOLS, default /opt/storex as root, else ~/.local/share/storex):
#
#   clients/python/bin/python               a Python with `cloudflare` as tests/python/requirements.txt pins it
#   clients/node/node_modules/cloudflare    the TypeScript client
set -euo pipefail
umask 022

readonly TYPESCRIPT_VERSION=7.3.0

if [ "$(id -u)" -eq 0 ]; then
  default_prefix=/opt/storex
else
  default_prefix="${HOME:?HOME must be set}/.local/share/storex"
fi
readonly prefix="${STOREX_TOOLS:-$default_prefix}/clients"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly requirements="$here/../tests/python/requirements.txt"

say() { printf 'install-clients: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# The pinned list is copied beside the environment last: without it, or with another one, an installation is not finished.
python_serves() { cmp -s "$requirements" "$prefix/python/requirements.txt" && [ -x "$prefix/python/bin/python" ]; }

# npm writes the hidden lock file last.
node_serves() {
  [ -r "$prefix/node/node_modules/.package-lock.json" ] &&
    grep -q "\"version\": *\"$TYPESCRIPT_VERSION\"" "$prefix/node/node_modules/cloudflare/package.json"
}

need() { # packages...
  [ "$(id -u)" -eq 0 ] || fail "missing: $*; run as root: apt-get install $*"
  command -v apt-get >/dev/null || fail "missing: $*, and this system has no apt-get; install them and run $0 again"
  say "apt-get install $*"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

ensure_python() {
  if python_serves; then return 0; fi
  python3 -c 'import ensurepip, venv' 2>/dev/null || need python3 python3-venv
  say "bringing the Python client to $prefix/python"
  rm -rf "$prefix/python"
  python3 -m venv "$prefix/python"
  "$prefix/python/bin/pip" --quiet --disable-pip-version-check install --requirement "$requirements" >&2
  cp "$requirements" "$prefix/python/requirements.txt"
}

ensure_node() {
  if node_serves; then return 0; fi
  command -v npm >/dev/null || need npm
  say "bringing the TypeScript client to $prefix/node"
  mkdir -p "$prefix/node"
  npm --no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error install --prefix "$prefix/node" --omit=dev \
    --save-exact "cloudflare@$TYPESCRIPT_VERSION" >&2
  node_serves || fail "cloudflare@$TYPESCRIPT_VERSION is still missing after its installation"
}

case "${1:-}" in
  '')
    mkdir -p "$prefix"
    # Two runs at once take turns.
    exec 9>"$prefix/.install.lock"
    flock 9
    ensure_python
    ensure_node
    ;;
  --check)
    python_serves && node_serves || fail "the official clients are missing; run: $here/install-clients.sh"
    ;;
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  *) fail "unknown argument $1 (only --check is known)" ;;
esac
