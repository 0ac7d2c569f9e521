// The shop's server: routes, start and graceful stop. storex copies this file into the store's directory and links the
// folders it requires, so every path here starts at the store's directory.
'use strict';

const http = require('node:http');
const path = require('node:path');

const { readStore } = require('./models/store');
const { openDatabase } = require('./models/database');
const { listProducts } = require('./models/products');
const { Refused, countOrders, placeOrder } = require('./models/orders');
const { setHeaders } = require('./middleware/headers');
const { logRequest } = require('./middleware/request-log');
const { loadTemplates } = require('./utils/html');
const { visibleEnvironment } = require('./utils/environment');
const { staticFiles } = require('./utils/static-files');

const STOP_WITHIN_MS = 4000;
const RETRY_MS = 1000;
const LARGEST_BODY = 16 * 1024;

const store = readStore(process.env);
const database = openDatabase(process.env, process.execArgv);
const templates = loadTemplates(path.join(__dirname, 'templates'));
const serveStatic = staticFiles(path.join(__dirname, 'public'));

function send(res, status, type, body) {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

function sendJson(res, status, value) {
  send(res, status, 'application/json; charset=utf-8', JSON.stringify(value) + '\n');
}

async function shopPage() {
  const products = await listProducts(store.features, database);
  const cards = products
    .map((product) => templates.render('product', { ...product, stock: product.stock ?? 'in the shop' }))
    .join('\n');
  return templates.render('shop', {
    name: store.name,
    address: store.domains.custom ?? store.domains.system ?? 'localhost',
    theme: store.features.custom_theme ? 'themed' : 'plain',
  }, { products: cards });
}

async function health(res) {
  const facts = { status: 'ok', store_id: store.id, store: store.name, pid: process.pid };
  if (!database) return sendJson(res, 200, facts);
  try {
    await database.ping();
    return sendJson(res, 200, { ...facts, database: { user: database.user } });
  } catch (error) {
    console.error(`database: ${error.message}`);
    return sendJson(res, 503, { ...facts, status: 'no_database', database: { user: database.user } });
  }
}

async function readJson(req) {
  let text = '';
  for await (const bytes of req.setEncoding('utf8')) {
    text += bytes;
    if (text.length > LARGEST_BODY) throw new Refused('the body is too large');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Refused('the body is no JSON');
  }
}

async function order(req, res) {
  try {
    return sendJson(res, 201, await placeOrder(database, await readJson(req)));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return sendJson(res, 422, { error: 'refused', why: error.message });
  }
}

const routes = {
  '/': async (res) => send(res, 200, 'text/html; charset=utf-8', await shopPage()),
  '/health': health,
  '/api/store': (res) => sendJson(res, 200, { name: store.name, store_id: store.id, domains: store.domains, features: store.features }),
  '/api/products': async (res) => sendJson(res, 200, { products: await listProducts(store.features, database) }),
  '/api/environment': (res) => sendJson(res, 200, visibleEnvironment(process.env)),
};
if (database) routes['/api/orders'] = async (res) => sendJson(res, 200, await countOrders(database));

async function answer(req, res) {
  setHeaders(res, store);
  logRequest(req, res);
  const target = req.url.split('?')[0];
  if (database && req.method === 'POST' && target === '/api/orders') return order(req, res);
  if (req.method !== 'GET' && req.method !== 'HEAD') {
    res.setHeader('allow', 'GET, HEAD');
    return sendJson(res, 405, { error: 'method_not_allowed' });
  }
  if (Object.hasOwn(routes, target)) return routes[target](res);
  if (target.startsWith('/static/') && await serveStatic(target.slice('/static/'.length), res)) return undefined;
  return send(res, 404, 'text/html; charset=utf-8', templates.render('not-found', { name: store.name }));
}

const server = http.createServer((req, res) => {
  answer(req, res).catch((error) => {
    console.error('request failed:', error.message);
    if (res.headersSent) res.destroy();
    else sendJson(res, 500, { error: 'internal' });
  });
});

function stop(signal) {
  console.log(`${signal}: closing`);
  server.close(async () => {
    await database?.close();
    process.exit(0);
  });
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref();
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);

server.on('error', (error) => {
  console.error(`cannot listen on 127.0.0.1:${process.env.PORT}: ${error.code ?? error.message}`);
  process.exit(1);
});

const port = Number(process.env.PORT);
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error(`PORT must be a port number, not ${JSON.stringify(process.env.PORT)}`);
  process.exit(1);
}
// The shop serves before its database answers, and says so.
function startDatabase() {
  database?.start().catch((error) => {
    console.error(`database: ${error.message}`);
    setTimeout(startDatabase, RETRY_MS).unref();
  });
}
startDatabase();
server.listen(port, '127.0.0.1', () => console.log(`${store.name} listens on 127.0.0.1:${port}`));
