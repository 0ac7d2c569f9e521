// The example core in a store's directory as the agent lays it out: app.js copied, the five folders linked.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { after, before, test } = require('node:test');

const repository = path.join(__dirname, '..', '..');
const PARTS = ['models', 'middleware', 'utils', 'public', 'templates'];
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'store-core-'));
const children = [];
let shop;
let port;

function layOut(name, core) {
  const folder = path.join(scratch, name);
  fs.mkdirSync(folder);
  fs.copyFileSync(path.join(core, 'app.js'), path.join(folder, 'app.js'));
  for (const part of PARTS) fs.symlinkSync(path.join(core, part), path.join(folder, part));
  return folder;
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const chosen = probe.address().port;
  probe.close();
  await once(probe, 'close');
  return chosen;
}

function start(folder, env, file) {
  const args = file ? [`--env-file=${file}`, 'app.js'] : ['app.js'];
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  child.text = '';
  children.push(child);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { child.text += bytes; });
  return child;
}

async function says(child, text) {
  while (!child.text.includes(text)) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${child.text}`);
    await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), once(child, 'exit')]);
  }
}

// node:http sends the path as it is; fetch would resolve `..` before sending.
function get(target, method = 'GET') {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: target, method, agent: false }, (res) => {
      let body = '';
      res.on('data', (bytes) => { body += bytes; }).on('end', () => resolve({ status: res.statusCode, headers: res.headers, body }));
    });
    request.on('error', reject).end();
  });
}

before(async () => {
  const folder = layOut('oceanbreeze', path.join(repository, 'examples', 'store-core'));
  const file = path.join(scratch, 'oceanbreeze.env');
  port = await freePort();
  fs.writeFileSync(file, [
    'STORE_ID=oceanbreeze-12345', "STORE_NAME='ocean<breeze>'", 'PRIMARY_DOMAIN=oceanbreezestore.com', 'SYSTEM_DOMAIN=oceanbreeze.storex.com',
    'FORCE_HTTPS=true', 'ENABLE_INVENTORY=true', 'ENABLE_CUSTOM_THEME=true', 'DB_PASSWORD=wrecked-boat', 'UNLISTED=private',
  ].join('\n') + '\n');
  shop = start(folder, { PORT: String(port), NODE_ENV: 'production' }, file);
  await says(shop, 'listens on');
});

after(() => {
  for (const child of children) child.kill('SIGKILL');
  fs.rmSync(scratch, { recursive: true, force: true });
});

test('the shop page shows the escaped name and the products', async () => {
  const { status, body, headers } = await get('/');
  assert.equal(status, 200);
  assert.match(body, /<h1>.*ocean&lt;breeze&gt;<\/h1>/);
  assert.match(body, /Stoneware mug.*Stock: 42/);
  assert.match(body, /class="themed"/);
  assert.equal(headers['strict-transport-security'], 'max-age=31536000');
});

test('health names the store and the process', async () => {
  const { body } = await get('/health');
  assert.deepEqual(JSON.parse(body), { status: 'ok', store_id: 'oceanbreeze-12345', store: 'ocean<breeze>', pid: shop.pid });
});

test('the store names both domains', async () => {
  const { body } = await get('/api/store');
  assert.deepEqual(JSON.parse(body).domains, { system: 'oceanbreeze.storex.com', custom: 'oceanbreezestore.com' });
});

test('the environment is an allow-list with secrets masked', async () => {
  const { body } = await get('/api/environment');
  const shown = JSON.parse(body);
  assert.equal(shown.DB_PASSWORD, '***');
  assert.equal(shown.NODE_ENV, 'production');
  assert.equal(shown.UNLISTED, undefined);
  assert.ok(!body.includes('wrecked-boat'));
});

test('a password inside the address of the database is masked', () => {
  const { visibleEnvironment } = require(path.join(repository, 'examples', 'store-core', 'utils', 'environment'));
  const shown = visibleEnvironment({ DB_HOST: 'mongodb://u:wrecked-boat@localhost:27017' });
  assert.equal(shown.DB_HOST, 'mongodb://***@localhost:27017');
});

test('a database without the driver ends the process with the reason', async () => {
  const child = start(layOut('driverless', path.join(repository, 'examples', 'store-core')), { DB_HOST: 'mongodb://localhost:27017' });
  assert.deepEqual(await once(child, 'close'), [1, null]);
  assert.match(child.text, /no MongoDB driver/);
});

test('static files are served from public and from nowhere else', async () => {
  assert.equal((await get('/static/style.css')).status, 200);
  assert.equal((await get('/static/logo.svg')).headers['content-type'], 'image/svg+xml');
  for (const target of ['/static/../app.js', '/static/..%2fapp.js', '/static/%2e%2e/models/store.js', '/static//etc/passwd', '/static/%00', '/static/%', '/static/', '/static/.']) {
    assert.equal((await get(target)).status, 404, target);
  }
});

test('other methods and unknown paths are refused', async () => {
  assert.equal((await get('/', 'POST')).status, 405);
  assert.equal((await get('/nothing')).status, 404);
  assert.equal((await get('/health', 'HEAD')).status, 200);
});

test('a taken port and a missing port end the process with the reason', async () => {
  const folder = layOut('second', path.join(repository, 'examples', 'store-core'));
  const taken = start(folder, { PORT: String(port) });
  const [code] = await once(taken, 'close');
  assert.equal(code, 1);
  assert.match(taken.text, /EADDRINUSE/);
  const missing = start(folder, {});
  assert.deepEqual(await once(missing, 'close'), [1, null]);
  assert.match(missing.text, /PORT must be a port number/);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} ends the shop with 0`, async () => {
    const folder = layOut(signal, path.join(repository, 'examples', 'store-core'));
    const child = start(folder, { PORT: String(await freePort()) });
    await says(child, 'listens on');
    child.kill(signal);
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });
}

test('the crashing core says why and exits with 3', async () => {
  const child = start(layOut('crash', path.join(repository, 'tests', 'fixtures', 'store-core-crash')), {});
  assert.deepEqual(await once(child, 'close'), [3, null]);
  assert.match(child.text, /cannot start: the shop has no shelves/);
});

test('the silent core logs two lines and stays', async () => {
  const child = start(layOut('silent', path.join(repository, 'tests', 'fixtures', 'store-core-silent')), {});
  await says(child, 'never comes');
  assert.equal(child.exitCode, null);
  assert.equal(child.text.trim().split('\n').length, 2);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'close'), [null, 'SIGTERM']);
});
