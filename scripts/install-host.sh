#!/usr/bin/env bash
# Brings what a store host needs and lacks: nginx, a Node whose --env-file can be trusted, PM2, and (as root) the
# unprivileged user that runs the stores. Running it again changes nothing and takes well under a second.
#
#   scripts/install-host.sh            install what is missing
#   scripts/install-host.sh --check    change nothing; exit 1 and name the command when something is missing
#
# Everything storex uses is then found under one prefix (STOREX_TOOLS, default /opt/storex as root, else
# ~/.local/share/storex):
#
#   bin/node                        the Node to run PM2 and the stores with
#   bin/nginx                       the nginx to run the router with
#   node_modules/pm2/lib/Daemon.js  the PM2 daemon's entry file
set -euo pipefail
umask 022

readonly PM2_VERSION=7.0.4
readonly NODE_VERSION=22.20.0
readonly APPS_USER=storex-apps

if [ "$(id -u)" -eq 0 ]; then
  default_prefix=/opt/storex
else
  default_prefix="${HOME:?HOME must be set}/.local/share/storex"
fi
prefix="${STOREX_TOOLS:-$default_prefix}"
check_only=no
apt_updated=no
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

say() { printf 'install-host: %s\n' "$*" >&2; }
fail() { say "error: $*"; exit 1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# Runs a program as somebody without rights, when we are root: a Node under /root would work here and not for the stores.
as_other() {
  if is_root; then
    setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
  else
    "$@"
  fi
}

# 20.14 and 22.2 are the first releases of their lines whose --env-file parser neither loses values nor ignores a missing
# file; 21 and 22.0-22.1 are older than that repair.
node_version_serves() {
  local version="${1#v}" major minor
  major="${version%%.*}"
  minor="${version#*.}"
  minor="${minor%%.*}"
  case "$major$minor" in '' | *[!0-9]*) return 1 ;; esac
  case "$major" in
    20) [ "$minor" -ge 14 ] ;;
    21) return 1 ;;
    22) [ "$minor" -ge 2 ] ;;
    *) [ "$major" -ge 23 ] ;;
  esac
}

node_serves() {
  local version
  [ -x "$1" ] || return 1
  version="$(as_other "$1" --version 2>/dev/null)" || return 1
  node_version_serves "$version"
}

pm2_serves() {
  local tree="$prefix/node_modules"
  # npm writes the hidden lock file last: without it an installation was interrupted.
  [ -r "$tree/pm2/lib/Daemon.js" ] && [ -r "$tree/.package-lock.json" ] &&
    grep -q "\"version\": *\"$PM2_VERSION\"" "$tree/pm2/package.json"
}

nginx_path() {
  local candidate
  for candidate in "$(command -v nginx || true)" /usr/sbin/nginx /usr/local/sbin/nginx; do
    if [ -n "$candidate" ] && [ -x "$candidate" ]; then
      readlink -f "$candidate"
      return 0
    fi
  done
  return 1
}

link() { # target name
  if [ "$(readlink "$2" || true)" != "$1" ]; then
    ln -sfn "$1" "$2"
    say "linked $2 -> $1"
  fi
}

apt_install() {
  is_root || fail "missing: $*; run as root: apt-get install $*"
  command -v apt-get >/dev/null || fail "missing: $*, and this system has no apt-get; install them and run $0 again"
  if [ "$apt_updated" = no ]; then
    say "apt-get update"
    apt-get update -qq >&2
    apt_updated=yes
  fi
  say "apt-get install $*"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_npm() {
  command -v npm >/dev/null || apt_install npm
}

npm_quiet() {
  npm --no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error "$@"
}

# The distribution's package starts a service on port 80 that nobody asked for. It is switched off only when this script
# brought the package; an nginx that was here before is somebody's and stays as it is.
quiet_distribution_nginx() {
  if [ -d /run/systemd/system ]; then
    systemctl disable --now nginx.service >/dev/null 2>&1 || true
  elif [ -x /etc/init.d/nginx ]; then
    /etc/init.d/nginx stop >/dev/null 2>&1 || true
    update-rc.d nginx disable >/dev/null 2>&1 || true
  fi
  say "switched off the nginx service the package brought"
}

ensure_nginx() {
  local found
  if ! found="$(nginx_path)"; then
    apt_install nginx-light
    quiet_distribution_nginx
    found="$(nginx_path)" || fail "nginx is still missing after its installation"
  fi
  link "$found" "$prefix/bin/nginx"
}

ensure_node() {
  local found
  if node_serves "$prefix/bin/node"; then return 0; fi
  found="$(command -v node || true)"
  if [ -n "$found" ] && found="$(readlink -f "$found")" && [ "${found##*/}" = node ] && node_serves "$found"; then
    link "$found" "$prefix/bin/node"
    return 0
  fi
  bring_node
  node_serves "$prefix/node/bin/node" || fail "the Node brought to $prefix/node does not run on this machine"
  link "$prefix/node/bin/node" "$prefix/bin/node"
}

bring_node() {
  local arch package scratch
  case "$(uname -m)" in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "no pinned Node for $(uname -m): put Node 20.14, 22.2 or later on PATH" ;;
  esac
  package="node-linux-$arch@$NODE_VERSION"
  need_npm
  say "bringing $package to $prefix/node"
  scratch="$(mktemp -d "$prefix/.node.XXXXXX")"
  (cd "$scratch" && npm_quiet pack "$package" >/dev/null && tar -xzf ./*.tgz package/bin/node package/LICENSE)
  mkdir -p "$prefix/node/bin"
  chmod 0755 "$scratch/package/bin/node"
  mv -f "$scratch/package/LICENSE" "$prefix/node/LICENSE"
  mv -f "$scratch/package/bin/node" "$prefix/node/bin/node"
  rm -rf "$scratch"
}

ensure_pm2() {
  if pm2_serves; then return 0; fi
  need_npm
  say "npm install pm2@$PM2_VERSION into $prefix"
  npm_quiet install --prefix "$prefix" --omit=dev --save-exact "pm2@$PM2_VERSION" >&2
  pm2_serves || fail "PM2 $PM2_VERSION is still missing after its installation"
  # Stores run under other users and must read it; nobody but the owner may write.
  chmod -R go+rX,go-w "$prefix/node_modules"
}

ensure_user() {
  is_root || return 0
  if getent passwd "$APPS_USER" >/dev/null; then return 0; fi
  if getent group "$APPS_USER" >/dev/null; then
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --gid "$APPS_USER" "$APPS_USER"
  else
    useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --user-group "$APPS_USER"
  fi
  say "made the system user $APPS_USER"
}

check() {
  local missing=0
  if [ -x "$prefix/bin/nginx" ]; then say "ok: nginx at $prefix/bin/nginx"; else
    missing=1
    say "missing: $prefix/bin/nginx"
  fi
  if node_serves "$prefix/bin/node"; then say "ok: Node $("$prefix/bin/node" --version) at $prefix/bin/node"; else
    missing=1
    say "missing: $prefix/bin/node of at least 20.14 (22: 22.2)"
  fi
  if pm2_serves; then say "ok: PM2 $PM2_VERSION at $prefix/node_modules/pm2"; else
    missing=1
    say "missing: PM2 $PM2_VERSION at $prefix/node_modules/pm2"
  fi
  if is_root; then
    if getent passwd "$APPS_USER" >/dev/null; then say "ok: user $APPS_USER"; else
      missing=1
      say "missing: system user $APPS_USER"
    fi
  fi
  [ "$missing" -eq 0 ] || fail "run: $here/install-host.sh"
}

install() {
  mkdir -p "$prefix/bin"
  # Two runs at once (a demo beside the tests) take turns.
  exec 9>"$prefix/.install.lock"
  flock 9
  ensure_nginx
  ensure_node
  ensure_pm2
  ensure_user
  as_other test -r "$prefix/node_modules/pm2/lib/Daemon.js" || fail "$prefix is not readable by the stores' user; set STOREX_TOOLS to a folder that is"
}

case "${1:-}" in
  '') ;;
  --check) check_only=yes ;;
  -h | --help)
    sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
  *) fail "unknown argument $1 (only --check is known)" ;;
esac

if [ "$check_only" = yes ]; then check; else install; fi
