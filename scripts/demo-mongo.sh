#!/usr/bin/env bash
# Two controllers on one MongoDB, and a database for each store: create, sell, change the password while visitors buy, kill one controller in the middle
# of a create and see the other take over, delete. On real MongoDB, PM2 and Nginx and a simulated Cloudflare; everything runs on free loopback ports in a
# temporary directory and is stopped at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/demo-common.sh

dir=$(mktemp -d /tmp/storex-demo.XXXXXX)
chmod 711 "$dir"
data=$dir/data
first=$(free_block 30)
one=$first two=$((first + 1)) agent=$((first + 2)) router=$((first + 3)) simulator=$((first + 4)) mongo=$((first + 5))
root_password=$(openssl rand -hex 16)
state="mongodb://root:$root_password@127.0.0.1:$mongo/storex?replicaSet=rs0&authSource=admin"
databases="mongodb://root:$root_password@127.0.0.1:$mongo/?replicaSet=rs0&authSource=admin"
controller=http://127.0.0.1:$one
running=()

begin() { # log name, command...
  local log=$1
  shift
  env -i PATH="$PATH" HOME="${HOME:-/}" STOREX_TOOLS="$prefix" STOREX_MONGODB_URI="$state" STOREX_DATABASES_URI="$databases" "$@" >>"$dir/$log" 2>&1 &
  running+=("$!")
}
until_said() { # log name, words
  for _ in $(seq 600); do grep -q "$2" "$dir/$1" && return; sleep 0.1; done
  echo "$1 did not say '$2' in time:"; tail -20 "$dir/$1"; exit 1
}
stop() {
  local at pid
  # In the order of their start from the last: what is used by others goes after them.
  for ((at = ${#running[@]} - 1; at >= 0; at--)); do
    pid=${running[at]}
    if kill -TERM "$pid" 2>/dev/null; then wait "$pid" || true; fi
  done
  running=()
}
trap 'status=$?; stop || true; if [ "$status" = 0 ]; then rm -rf "$dir"; else echo "left for a look: $dir" >&2; fi' EXIT

# Runs JavaScript with the driver; `client` is root's, or nobody's before there is a root.
mongo() { (cd "$dir/core" && MONGO_URI="$1" ROOT_PASSWORD="$root_password" "$node" -e "
const { MongoClient } = require('mongodb');
(async () => { const client = new MongoClient(process.env.MONGO_URI, { serverSelectionTimeoutMS: 20000 });
try { $2 } finally { await client.close(); } })().catch((error) => { console.error(error.message); process.exit(1); });"); }
api() { curl -sS --max-time 90 -H "Authorization: Bearer $(cat "$data/admin.token")" -H 'Content-Type: application/json' "$@"; }
shop() { curl -sS --max-time 10 -H "Host: $1.storex.com" -H 'Content-Type: application/json' "${@:3}" "http://127.0.0.1:$router$2"; }
create() { api -D "$dir/head" -d "{\"username\":\"$1\",\"storeDetails\":{\"owner\":\"John Smith\",\"email\":\"john@example-mail.com\"}}" "$controller/api/stores"; }
operation() { tr -d '\r' <"$dir/head" | sed -n 's/^operation-location: //Ip'; }
await() { # state of an operation at rest
  for _ in 1 2 3 4 5; do
    state_now=$(api "$controller$1?wait=60" | json 'j.done ? j.state : ""')
    [ -n "$state_now" ] && { echo "$state_now"; return; }
  done
}
store_databases() { mongo "$databases" "const all = await client.db('admin').admin().listDatabases();
  process.stdout.write(all.databases.map((one) => one.name).filter((name) => name.startsWith('store_')).sort().join(' '));"; }

say 'MongoDB with access control, a replica set of one'
scripts/shop-core.sh "$dir/core"
mkdir -m 700 "$dir/mongo"
(umask 077; openssl rand -base64 30 >"$dir/mongo.key")
env -i PATH="$PATH" "$prefix/bin/mongod" --port "$mongo" --bind_ip 127.0.0.1 --dbpath "$dir/mongo" --unixSocketPrefix "$dir/mongo" --replSet rs0 \
  --oplogSize 50 --wiredTigerCacheSizeGB 0.25 --auth --keyFile "$dir/mongo.key" >"$dir/mongod.log" 2>&1 &
running+=("$!")
mongo "mongodb://127.0.0.1:$mongo/?directConnection=true" "const admin = client.db('admin');
  await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: '127.0.0.1:$mongo' }] } });
  while (!(await admin.command({ hello: 1 })).isWritablePrimary) await new Promise((done) => setTimeout(done, 100));
  await admin.command({ createUser: 'root', pwd: process.env.ROOT_PASSWORD, roles: ['root'] });"
ok 'it has a primary and a user'

say "Agent, simulator and two controllers, on $data"
mkdir -m 711 "$data"
for token in admin agent simulator; do (umask 077; printf 'stx_%s\n' "$(openssl rand -hex 32)" >"$data/$token.token"); done
(umask 077; printf 'main %s\n' "$(openssl rand -hex 32)" >"$data/keyring")
begin simulator.log "$storex" serve simulator --data-dir "$data" --simulator-port "$simulator"
until_said simulator.log 'ready simulator'
begin agent.log "$storex" serve agent --data-dir "$data" --agent-port "$agent" --router-port "$router" --store-ports "$((first + 6))-$((first + 29))" --core "$dir/core"
until_said agent.log 'ready agent'
for port in "$one" "$two"; do
  begin "controller-$port.log" "$storex" serve controller --data-dir "$data" --controller-port "$port" --agent-port "$agent" --router-port "$router" --simulator-port "$simulator"
  [ "$port" = "$one" ] && killed=${running[-1]}
  until_said "controller-$port.log" 'ready controller'
done
ok 'both controllers are ready'

say '1. A store with a database of its own'
id=$(create oceanbreeze | json j.store_id)
check 'operation' "$(await "$(operation)")" succeeded
check 'its database' "$(store_databases)" store_oceanbreeze
check 'the other controller knows it' "$(api "http://127.0.0.1:$two/api/stores/$id" | json j.store_id)" "$id"
check 'an order' "$(shop oceanbreeze /api/orders -o /dev/null -w '%{http_code}' -d '{"sku":"mug-01","quantity":1,"email":"jane@example-mail.com"}')" 201
check 'is in the database' "$(mongo "$databases" "process.stdout.write(String(await client.db('store_oceanbreeze').collection('orders').countDocuments()));")" 1

say '2. Another password while visitors buy'
before=$(shop oceanbreeze /health | json j.database.user)
: >"$dir/bought"
(while [ ! -e "$dir/enough" ]; do shop oceanbreeze /api/orders -o /dev/null -w '%{http_code}\n' -d '{"sku":"tee-01","quantity":1,"email":"jane@example-mail.com"}' >>"$dir/bought" || echo refused >>"$dir/bought"; done) &
buying=$!
api -D "$dir/head" -o /dev/null -X POST "$controller/api/stores/$id/database/rotate"
check 'operation' "$(await "$(operation)")" succeeded
: >"$dir/enough"
wait "$buying"
after=$(shop oceanbreeze /health | json j.database.user)
if [ "$before" != "$after" ]; then ok "the shop works as $after, no longer as $before"; else bad "the shop still works as $before"; fi
check "requests refused of $(wc -l <"$dir/bought")" "$(grep -vcx 201 "$dir/bought" || true)" 0
check 'users of its database' "$(mongo "$databases" "process.stdout.write((await client.db('store_oceanbreeze').command({ usersInfo: 1 })).users.map((one) => one.user).join(' '));")" "$after"

say '3. kill -9 of the controller in the middle of a create'
create bluepeak >/dev/null
where=$(operation)
kill -9 "$killed"; wait "$killed" 2>/dev/null || true
since=$SECONDS
controller=http://127.0.0.1:$two
check 'it is not over when its controller dies' "$(api "$controller$where" | json j.done)" false
check 'the other controller finishes it' "$(await "$where")" succeeded
ok "after $((SECONDS - since)) s (the lease of an operation is 15 s)"
check 'the store answers' "$(shop bluepeak /health -o /dev/null -w '%{http_code}')" 200
check 'databases' "$(store_databases)" 'store_bluepeak store_oceanbreeze'

say '4. Delete everything'
for store in $(api "$controller/api/stores" | json 'j.stores.map((one) => one.store_id).join(" ")'); do
  api -D "$dir/head" -o /dev/null -X DELETE "$controller/api/stores/$store"
  check "deletion of $store" "$(await "$(operation)")" succeeded
done
check 'databases' "$(store_databases)" ''
check 'what was sold is in a snapshot' "$(find "$data/snapshots" -name orders.bson -size +0 | wc -l)" 1
cat "$data"/*.token >"$dir/secrets"
cut -d' ' -f2 "$data/keyring" >>"$dir/secrets"
echo "$root_password" >>"$dir/secrets"
check 'secrets in the logs' "$(cat "$dir"/*.log | grep -cFf "$dir/secrets" || true)" 0

say '5. Stop'
stop
check 'processes left' "$(processes)" 0
rm -rf "$dir"
if [ -e "$dir" ]; then bad 'files are left'; else ok 'no file is left'; fi

printf '\ndemo: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
