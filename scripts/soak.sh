#!/usr/bin/env bash
# What does not fit CI, with fresh seeds: the fault matrix, the state machine, real kills, and MongoDB whose primary is killed. Usage: soak.sh MINUTES (default 10).
# Appends one row to docs/soak-ledger.md, also when something failed, and then ends non-zero.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:-10}
case "$minutes" in '' | *[!0-9]* | 0*) echo "soak.sh: MINUTES must be a whole number from 1, not '$minutes'" >&2; exit 2 ;; esac

ledger=docs/soak-ledger.md
began=$(date -u +%Y-%m-%dT%H:%MZ)
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
[ -z "$(git status --porcelain --untracked-files=no -- . ":!$ledger" 2>/dev/null)" ] || commit="$commit+changes"
seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
logs=${CARGO_TARGET_DIR:-target}/soak/${began//:/}-$seed
mkdir -p "$logs"

# Half of the time for the matrix, a fifth for the state machine (some 4,000 cases a minute on 2 cores), the kills about three tenths.
matrix_minutes=$(((minutes * 5 + 9) / 10))
machine_minutes=$(((minutes * 2 + 9) / 10))
kills=$((minutes * 8 > 150 ? minutes * 8 : 150))
# Beyond them MongoDB: a kill takes some six seconds, all the pauses together some half a minute.
primaries=$((minutes * 2 > 100 ? minutes * 2 : 100))
pauses=500
failures=()

# Runs one part and keeps its whole output; $part_line is its line of figures, or what it said last.
part() { # name, start of its line of figures, command...
  local name=$1 figures=$2 log="$logs/$1.log" code=0
  shift 2
  printf '\n== soak, %s: %s\n' "$name" "$*"
  "$@" >"$log" 2>&1 || code=$?
  part_line=$(grep -o "$figures.*" "$log" | tail -n 1 || true)
  if [ "$code" -ne 0 ]; then
    tail -n 40 "$log"
    failures+=("$name (exit $code): $(grep -m 1 -A 1 'panicked at\|^error' "$log" | tr '\n|' '  ' | cut -c1-300 || true)")
  elif [ -z "$part_line" ]; then
    failures+=("$name printed no figures")
  fi
  printf '%s\n' "${part_line:-no figures}"
}

scripts/install-host.sh
scripts/install-mongod.sh
tests=(--test matrix --test state_machine --test kills --test mongo)
# Building takes none of the minutes; what does not build fails below and is written down.
cargo test --workspace --locked --no-run "${tests[@]}" || true
SECONDS=0

part matrix 'soak: ' env STOREX_SOAK_MINUTES="$matrix_minutes" \
  cargo test --workspace --locked --test matrix -- --ignored soak --nocapture
matrix=${part_line#soak: }
matrix=${matrix:-failed}

part state-machine 'soak: state machine ' env STOREX_SOAK_MINUTES="$machine_minutes" \
  cargo test --workspace --locked --test state_machine -- --ignored soak --nocapture
machine=${part_line#soak: state machine }
machine=${machine:-failed}

part kills 'kills: ' env STOREX_KILLS="$kills" STOREX_KILLS_SEED="$seed" \
  cargo test --workspace --locked --test kills -- rounds:: --nocapture
killed=${part_line#kills: }
killed=${killed:-failed ($kills kills, seed $seed)}
resumed=$(grep -o 'resume after kill -9.*' "$logs/kills.log" | tail -n 1 || true)

part mongo 'pauses past a lease: ' env STOREX_MONGO_KILLS="$primaries" STOREX_MONGO_PAUSES="$pauses" \
  cargo test --workspace --locked --test mongo -- primaries:: leases:: --nocapture
database=${part_line:-failed ($primaries kills, $pauses pauses)}
killed_primaries=$(grep -o '[0-9]* kills of the primary: .*' "$logs/mongo.log" | paste -s -d ';' - || true)

spent=$(((SECONDS + 30) / 60))
verdict='0'
[ "${#failures[@]}" -eq 0 ] || verdict="${#failures[@]}: $(printf '%s; ' "${failures[@]}")"
[ -e "$ledger" ] || { echo "soak.sh: $ledger is missing" >&2; exit 1; }
row() { local cell; for cell in "$@"; do printf '| %s ' "$(tr '\n|' '  ' <<<"$cell" | sed 's/ *$//')"; done; printf '|\n'; }
row "$began" "$commit" "$spent of $minutes" "$matrix" "$machine" "$killed; $resumed" "$killed_primaries; $database" "$verdict" | tee -a "$ledger"

printf '\nsoak: %d minutes, %d failures; logs in %s\n' "$spent" "${#failures[@]}" "$logs"
[ "${#failures[@]}" -eq 0 ]
