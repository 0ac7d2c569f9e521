#!/usr/bin/env bash
# The main job, end to end, on real PM2 and Nginx and a simulated Cloudflare: create, serve, crash and recover, roll back, delete.
# Everything runs on free loopback ports in a temporary directory and is stopped at the end. Usage: demo.sh [--username U] [--domain D]
set -euo pipefail
cd "$(dirname "$0")/.."

username=oceanbreeze
domain=oceanbreezestore.com
while [ $# -gt 0 ]; do
  case "$1" in
    --username) username=$2; shift 2 ;;
    --domain) domain=$2; shift 2 ;;
    *) echo "demo.sh: unknown option $1" >&2; exit 2 ;;
  esac
done

. scripts/demo-common.sh

dir=$(mktemp -d /tmp/storex-demo.XXXXXX)
chmod 711 "$dir"
data=$dir/data
first=$(free_block 24)
controller=http://127.0.0.1:$first
simulator=http://127.0.0.1:$((first + 3))
router=http://127.0.0.1:$((first + 2))
options=(--data-dir "$data" --controller-port "$first" --agent-port $((first + 1)) --router-port $((first + 2)) --simulator-port $((first + 3))
  --store-ports "$((first + 4))-$((first + 23))" --core "$PWD/examples/store-core")
up=

start() {
  : >"$dir/ready"
  env -i PATH="$PATH" HOME="${HOME:-/}" STOREX_TOOLS="$prefix" "$storex" up "${options[@]}" >"$dir/ready" 2>>"$dir/log" &
  up=$!
  for _ in $(seq 600); do
    grep -q ready "$dir/ready" && return
    kill -0 "$up" 2>/dev/null || { echo "storex up ended:"; tail -20 "$dir/log"; exit 1; }
    sleep 0.1
  done
  echo "storex up was not ready in time:"; tail -20 "$dir/log"; exit 1
}
stop() { if [ -n "$up" ] && kill -TERM "$up" 2>/dev/null; then wait "$up" || return 1; fi; up=; }
trap 'status=$?; stop || true; if [ "$status" = 0 ]; then rm -rf "$dir"; else echo "left for a look: $dir" >&2; fi' EXIT

api() { curl -sS --max-time 90 -H "Authorization: Bearer $(cat "$data/admin.token")" -H 'Content-Type: application/json' "$@"; }
visit() { curl -sS --max-time 10 -o "$dir/body" -w '%{http_code}' -H "Host: $1" "$router$2"; }
request() { printf '{"username":"%s","domain":"%s","storeDetails":{"owner":"John Smith","email":"john@%s"}}' "$1" "$2" "$2"; }
create() { api -D "$dir/head" -d "$(request "$1" "$2")" "$controller/api/stores"; }
operation() { tr -d '\r' <"$dir/head" | sed -n 's/^operation-location: //Ip'; }
await() { # state of an operation at rest
  for _ in 1 2 3 4 5; do
    state=$(api "$controller$1?wait=60" | json 'j.done ? j.state : ""')
    [ -n "$state" ] && { echo "$state"; return; }
  done
}
zones() { curl -sS "$simulator/__sim/state" | json 'Object.values(j.zones).map(z => z.name).sort().join(" ")'; }
serves() { # both names of a store answer with its shop
  local name
  for name in "$1.storex.com" "$2"; do
    check "$name answers 200 through the router" "$(visit "$name" /health)" 200
    check "$name is the store $1" "$(json j.store <"$dir/body")" "$1"
  done
}

say "storex up, on $data"
start
cat "$dir/ready"
check "readyz" "$(curl -s -o /dev/null -w '%{http_code}' "$controller/readyz")" 200
check "without a token the API answers" "$(curl -s -o /dev/null -w '%{http_code}' "$controller/api/stores")" 401

say "1. Create $username with $domain"
request "$username" "$domain"; echo
answer=$(create "$username" "$domain")
echo "$answer" | json 'JSON.stringify(j, null, 2)'; echo
check "answer" "$(head -1 "$dir/head" | cut -d' ' -f2)" 201
check "keys of the answer" "$(echo "$answer" | json 'Object.keys(j).join()')" status,store_id,domains,configuration
check "system subdomain" "$(echo "$answer" | json j.domains.system)" "$username.storex.com"
check "two name servers" "$(echo "$answer" | json j.configuration.nameservers.length)" 2
[ "$domain" != oceanbreezestore.com ] || check "the specification's name servers" "$(echo "$answer" | json 'j.configuration.nameservers.join()')" ns1.cloudflare.com,ns2.cloudflare.com
id=$(echo "$answer" | json j.store_id)
check "operation" "$(await "$(operation)")" succeeded
serves "$username" "$domain"
check "the shop's page" "$(visit "$domain" /)" 200
if grep -q "$username" "$dir/body"; then ok "the page names the store"; else bad "the page does not name the store"; fi
check "an unknown host is misdirected" "$(visit unknown.example.org /)" 421
check "the same username again" "$(api -o /dev/null -w '%{http_code}' -d "$(request "$username" "other-$domain")" "$controller/api/stores")" 409
check "the same domain in another spelling" "$(api -o /dev/null -w '%{http_code}' -d "$(request "${username:0:20}-2" "$(echo "$domain" | tr '[:lower:]' '[:upper:]').")" "$controller/api/stores")" 409

say "2. kill -9 after Cloudflare made a zone and before the journal knew"
second=${username:0:20}-crash
curl -sS -o /dev/null -d '{"method":"POST","path":"/zones","when":"after","action":{"hold":true}}' -H 'Content-Type: application/json' "$simulator/__sim/faults"
create "$second" "crash-$domain" >/dev/null 2>&1 &
posting=$!
for _ in $(seq 200); do [ "$(curl -sS "$simulator/__sim/held" | json '(j.held ?? j).length')" != 0 ] && break; sleep 0.05; done
kill -9 "$up"; wait "$up" 2>/dev/null || true; wait "$posting" 2>/dev/null || true
if grep -q "crash-$domain" "$data/simulator.json"; then ok "the zone exists at Cloudflare"; else bad "the zone is not at Cloudflare"; fi
check "the first store is served with storex gone" "$(visit "$domain" /health)" 200
start
ok "storex up is ready again on the same directory"
serves "$username" "$domain"
crashed=
for _ in $(seq 300); do
  crashed=$(api "$controller/api/stores" | json "(j.stores.find(s => s.username === '$second' && s.state === 'active') ?? {}).store_id ?? ''")
  [ -n "$crashed" ] && break; sleep 0.1
done
if [ -n "$crashed" ]; then ok "the interrupted store is complete: $crashed"; else bad "the interrupted store is not complete"; fi
serves "$second" "crash-$domain"
check "one zone of its name" "$(zones | tr ' ' '\n' | grep -cx "crash-$domain")" 1

say "3. A create that fails for good at its last task leaves nothing"
third=${username:0:20}-gone
before_zones=$(zones)
before_processes=$(processes)
curl -sS -o /dev/null -H 'Content-Type: application/json' -d '{"call":"repo.put","subject":"outbox/","times":0,"when":"before","fault":{"refuse":"corrupt"}}' "$simulator/__sim/storex/faults"
create "$third" "gone-$domain" >"$dir/answer"
where=$(operation)
[ -n "$where" ] || where=/api/operations/$(json 'j.operation' <"$dir/answer")
check "operation" "$(await "$where")" rolled_back
api "$controller$where" | json '"   " + j.error.code + ": " + j.error.message'; echo
check "zones" "$(zones)" "$before_zones"
check "processes" "$(processes)" "$before_processes"
check "directory" "$(ls "$data/host/stores" | grep -c "^$third$" || true)" 0
check "environment" "$(ls "$data/host/env" | grep -c "$third" || true)" 0
check "route" "$(visit "$third.storex.com" /health)" 421
check "port" "$(taken $((first + 6)) && echo taken || echo free)" free
curl -sS -o /dev/null -X DELETE "$simulator/__sim/storex/faults"
answer=$(create "$third" "gone-$domain")
check "its names can be claimed again" "$(head -1 "$dir/head" | cut -d' ' -f2)" 201
gone=$(echo "$answer" | json j.store_id)
check "operation" "$(await "$(operation)")" succeeded

say "4. Delete everything"
for store in "$id" "$crashed" "$gone"; do
  api -D "$dir/head" -o /dev/null -X DELETE "$controller/api/stores/$store"
  check "deletion of $store" "$(await "$(operation)")" succeeded
  check "$store afterwards" "$(api -o /dev/null -w '%{http_code}' "$controller/api/stores/$store")" 404
done
check "zones" "$(zones)" storex.com
check "directories" "$(ls "$data/host/stores" | wc -l)" 0
check "environments" "$(ls "$data/host/env" | wc -l)" 0
check "$username.storex.com" "$(visit "$username.storex.com" /)" 421
for port in 4 5 6; do check "port $((first + port))" "$(taken $((first + port)) && echo taken || echo free)" free; done
check "notifications delivered" "$(wc -l <"$data/outbox/notifications.ndjson")" 3

cat "$data"/*.token >"$dir/tokens"
check "tokens in the log" "$(grep -cFf "$dir/tokens" "$dir/log" || true)" 0

say "5. Stop"
if stop; then ok "storex up ends on SIGTERM"; else bad "storex up did not end well"; fi
check "processes left" "$(processes)" 0
for port in 0 1 2 3; do check "port $((first + port))" "$(taken $((first + port)) && echo taken || echo free)" free; done
rm -rf "$dir"
if [ -e "$dir" ]; then bad "files are left"; else ok "no file is left"; fi

printf '\ndemo: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
