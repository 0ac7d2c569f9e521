#!/usr/bin/env bash
# The Python package: a virtual environment with pinned tools below the target directory, the package in it as built for tests, and what is checked.
#
#   scripts/python.sh            build, type checks, tests
#   scripts/python.sh tools      only bring the tools
#   scripts/python.sh build      tools and build
#   scripts/python.sh wheel      build the wheel, install it into a fresh environment, run the README's Python block
#   scripts/python.sh bench      figures of the wheel beside their floors
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
home="$target/python"
venv="$home/venv"
requirements=storex-py/requirements-dev.txt

say() { printf 'python: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }

python="${STOREX_PYTHON:-python3}"

# Debian keeps the module that makes environments in a package of its own.
need_python() {
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || fail "missing: python3 with venv; run as root: apt-get install python3 python3-venv"
    say "apt-get install python3 python3-venv"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >&2
  fi
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$("$python" --version) is too old: 3.11 or later is needed"
}

# The pinned list is copied last: without it, or with another one, an installation is not finished.
tools() {
  if cmp -s "$requirements" "$home/requirements-dev.txt" && [ -x "$venv/bin/python" ]; then return 0; fi
  need_python
  say "bringing the tools to $venv"
  rm -rf "$venv"
  mkdir -p "$home"
  "$python" -m venv "$venv"
  "$venv/bin/pip" --quiet --disable-pip-version-check install --requirement "$requirements" >&2
  cp "$requirements" "$home/requirements-dev.txt"
}

# The package as it lies in the tree, with what `cargo build --workspace` made of its native half: one set of artifacts for all tests.
build() {
  tools
  cargo build --workspace --lib --bins --locked --quiet
  # A new file: a process that runs keeps the one it has.
  cp "$target/debug/lib_storex.so" storex-py/python/storex/.new.so
  mv -f storex-py/python/storex/.new.so storex-py/python/storex/_storex.abi3.so
  local site
  site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  printf '%s\n' "$PWD/storex-py/python" >"$site/storex.pth"
  mkdir -p "$site/storex_control-0.dist-info"
  printf 'Metadata-Version: 2.1\nName: storex-control\nVersion: 0\n' >"$site/storex_control-0.dist-info/METADATA"
  printf '[pytest11]\nstorex = storex.testing.plugin\n' >"$site/storex_control-0.dist-info/entry_points.txt"
}

types() {
  local at="storex-py"
  say 'ruff: format and lint'
  (cd $at && "$venv/bin/ruff" format --no-cache --quiet --check . && "$venv/bin/ruff" check --no-cache --quiet .)
  say 'mypy --strict over the package, the examples and the tests'
  (cd $at && MYPYPATH=python "$venv/bin/mypy" --cache-dir "$home/mypy" python/storex examples/*.py tests benches)
  say 'stubtest: the stub of the native half against what is there'
  (cd "$home" && MYPYPATH="$OLDPWD/$at/python" "$venv/bin/stubtest" storex._storex)
  say 'verifytypes: everything public has a complete type'
  PYTHONPATH="$PWD/$at/python" "$venv/bin/basedpyright" --pythonpath "$venv/bin/python" --ignoreexternal --verifytypes storex >"$home/verifytypes.log" ||
    { cat "$home/verifytypes.log"; fail 'verifytypes'; }
  grep -E 'completeness score' "$home/verifytypes.log"
}

# One round of the suite is on a genuine MongoDB.
tests() {
  scripts/install-mongod.sh
  (cd storex-py && STOREX_SANDBOX="$target/debug/storex-sandbox" "$venv/bin/pytest" -q -p no:cacheprovider --durations=5)
}

wheel() {
  tools
  local wheels="$home/wheels" fresh="$home/fresh"
  rm -rf "$wheels" "$fresh"
  (cd storex-py && "$venv/bin/maturin" build --profile wheel --locked --quiet --target-dir "$target" --out "$wheels")
  "$python" -m venv "$fresh"
  "$fresh/bin/pip" --quiet --disable-pip-version-check install --no-index --no-deps "$wheels"/*.whl
  (cd "$home" && "$fresh/bin/python" -W error "$OLDPWD/scripts/readme-block.py" "$OLDPWD/README.md" "$OLDPWD/storex-py/README.md")
  printf 'wheel: %s, %d KiB\n' "$(basename "$wheels"/*.whl)" "$(($(stat -c %s "$wheels"/*.whl) / 1024))"
}

case "${1:-}" in
  '') build && types && tests ;;
  tools | build | types | tests | wheel) "$1" ;;
  bench)
    [ -x "$home/fresh/bin/python" ] && ls "$home"/wheels/*.whl >/dev/null 2>&1 || wheel
    "$home/fresh/bin/python" storex-py/benches/calls.py "$home"/wheels/*.whl
    ;;
  *) fail "unknown argument $1" ;;
esac
