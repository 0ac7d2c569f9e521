# What the demos share; sourced from the repository's root.
# shellcheck shell=bash

if [ "$(id -u)" = 0 ]; then prefix=${STOREX_TOOLS:-/opt/storex}; else prefix=${STOREX_TOOLS:-$HOME/.local/share/storex}; fi
node=$prefix/bin/node
storex=${STOREX_BIN:-${CARGO_TARGET_DIR:-target}/debug/storex}
storex=$(realpath "$storex")

passed=0
failed=0
ok() { passed=$((passed + 1)); printf '  ok   %s\n' "$1"; }
bad() { failed=$((failed + 1)); printf '  FAIL %s\n' "$1"; }
check() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1 (wanted $3, got $2)"; fi; }
say() { printf '\n%s\n' "$1"; }

# Reads JSON on standard input and prints the value of the JavaScript expression over `j`.
json() { "$node" -e 'const j=JSON.parse(require("fs").readFileSync(0,"utf8")); const v=eval(process.argv[1]); process.stdout.write(typeof v==="string"?v:JSON.stringify(v)??"")' "$1"; }

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_block() { # first of a run of free ports
  local first port
  while :; do
    first=$((20000 + RANDOM % 10000))
    for port in $(seq "$first" $((first + $1 - 1))); do taken "$port" && continue 2; done
    echo "$first"; return
  done
}

# Processes whose working directory or command line lies in the demo's directory.
processes() {
  local found=0 pid
  for pid in /proc/[0-9]*; do
    case "$(readlink "$pid/cwd" 2>/dev/null || true) $( (tr '\0' ' ' <"$pid/cmdline") 2>/dev/null || true)" in
      *"$data"*) [ "${pid#/proc/}" = "${up:-}" ] || found=$((found + 1)) ;;
    esac
  done
  echo "$found"
}
