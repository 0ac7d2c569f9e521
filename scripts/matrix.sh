#!/usr/bin/env bash
# The fault matrix with its mutants, then kill -9 of real processes; ends with one line of both, printed only when both passed.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=${CARGO_TARGET_DIR:-target}/matrix
mkdir -p "$logs"

# Runs one test with its output shown and kept; answers its last line of figures in $figures.
run() { # test, filter, pattern of its line of figures
  printf '\n== %s\n' "$1"
  cargo test --workspace --locked --test "$1" -- "$2" --nocapture | tee "$logs/$1.log"
  figures=$(grep -Eo "$3" "$logs/$1.log" | tail -n 1) || { echo "matrix.sh: the test $1 printed no figures" >&2; exit 1; }
}

run matrix every_fault 'matrix: [0-9]+ scenarios, [0-9]+ pairs, [0-9]+ violations; mutants: [0-9]+ of [0-9]+ killed'
matrix=$figures
run kills rounds:: 'kills: [0-9]+ survived of [0-9]+'

printf '\n%s; %s\n' "$matrix" "${figures% of *}"
