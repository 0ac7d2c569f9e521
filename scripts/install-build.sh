#!/usr/bin/env bash
# Checks what building storex needs (a C compiler and linker, make, and cargo) and, as root on Debian, brings the first two.
# A Rust toolchain is the reader's choice and is only checked.
set -euo pipefail

readonly CARGO_FLOOR=1.95

say() { printf 'install-build: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v make >/dev/null || missing+=(make)
command -v curl >/dev/null || missing+=(curl ca-certificates)

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}"
  fi
  say "apt-get install ${missing[*]}"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

command -v cargo >/dev/null || fail "no cargo on PATH: install Rust $CARGO_FLOOR or later with rustup, then open a new shell"
found="$(cargo --version | cut -d' ' -f2)"
lowest="$(printf '%s\n%s\n' "$CARGO_FLOOR" "$found" | sort -V | head -n 1)"
[ "$lowest" = "$CARGO_FLOOR" ] || fail "cargo $found is too old: storex needs $CARGO_FLOOR or later (rustup update stable)"
