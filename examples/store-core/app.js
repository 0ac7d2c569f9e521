// The shop's server: routes, start and graceful stop. storex copies this file into the store's directory and links the
// folders it requires, so every path here starts at the store's directory.
'use strict';

const http = require('node:http');
const path = require('node:path');

const { readStore } = require('./models/store');
const { listProducts } = require('./models/products');
const { setHeaders } = require('./middleware/headers');
const { logRequest } = require('./middleware/request-log');
const { loadTemplates } = require('./utils/html');
const { visibleEnvironment } = require('./utils/environment');
const { staticFiles } = require('./utils/static-files');

const STOP_WITHIN_MS = 4000;

const store = readStore(process.env);
const templates = loadTemplates(path.join(__dirname, 'templates'));
const serveStatic = staticFiles(path.join(__dirname, 'public'));

function send(res, status, type, body) {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  res.end(body);
}

function sendJson(res, status, value) {
  send(res, status, 'application/json; charset=utf-8', JSON.stringify(value) + '\n');
}

function shopPage() {
  const cards = listProducts(store.features)
    .map((product) => templates.render('product', { ...product, stock: product.stock ?? 'in the shop' }))
    .join('\n');
  return templates.render('shop', {
    name: store.name,
    address: store.domains.custom ?? store.domains.system ?? 'localhost',
    theme: store.features.custom_theme ? 'themed' : 'plain',
  }, { products: cards });
}

const routes = {
  '/': (res) => send(res, 200, 'text/html; charset=utf-8', shopPage()),
  '/health': (res) => sendJson(res, 200, { status: 'ok', store_id: store.id, store: store.name, pid: process.pid }),
  '/api/store': (res) => sendJson(res, 200, { name: store.name, store_id: store.id, domains: store.domains, features: store.features }),
  '/api/products': (res) => sendJson(res, 200, { products: listProducts(store.features) }),
  '/api/environment': (res) => sendJson(res, 200, visibleEnvironment(process.env)),
};

async function answer(req, res) {
  setHeaders(res, store);
  logRequest(req, res);
  const target = req.url.split('?')[0];
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
  server.close(() => process.exit(0));
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
server.listen(port, '127.0.0.1', () => console.log(`${store.name} listens on 127.0.0.1:${port}`));
