// Drives the simulated Cloudflare with the official TypeScript client: every route, every answer decoded by the client, its pages
// followed, its errors told apart. Called as `official-client.cjs CLIENT_FOLDER BASE_URL USER_TOKEN ACCOUNT_TOKEN`; prints one JSON
// line. Types are gone at run time, so strictness is the Python client's part.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');

const [folder, baseURL, userToken, accountToken] = process.argv.slice(2);
const Cloudflare = require(path.join(folder, 'node_modules', 'cloudflare'));
const control = baseURL.replace('/client/v4', '/__sim');
const client = (apiToken) => new Cloudflare({ apiToken, baseURL, maxRetries: 0 });
const cf = client(userToken);

async function sim(method, place, body) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(control + place, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${place}: ${answer.status}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : undefined;
}

const advance = (seconds) => sim('POST', '/clock', { advance_s: seconds });

async function all(pages) {
  const found = [];
  for await (const item of pages) found.push(item);
  return found;
}

async function refused(status, call) {
  await assert.rejects(call, (error) => error instanceof Cloudflare.APIError && error.status === status && error.errors.length > 0);
}

async function tokens(account_id) {
  assert.equal((await cf.user.tokens.verify()).status, 'active');
  assert.equal((await client(accountToken).accounts.tokens.verify({ account_id })).status, 'active');
  assert.ok((await all(cf.user.tokens.permissionGroups.list())).some((group) => group.name === 'Zone Write'));
}

async function zones(account_id) {
  const zone = await cf.zones.create({ account: { id: account_id }, name: 'node-shop.com', type: 'full' });
  assert.equal(zone.status, 'pending');
  const zone_id = zone.id;
  assert.deepEqual((await all(cf.zones.list({ name: zone.name }))).map((found) => found.id), [zone_id]);
  await sim('PUT', `/registrar/${zone.name}`, { name_servers: zone.name_servers });
  assert.equal((await cf.zones.activationCheck.trigger({ zone_id })).id, zone_id);
  assert.equal((await cf.zones.get({ zone_id })).status, 'active');
  assert.equal((await cf.zones.edit({ zone_id, paused: true })).paused, true);
  await sim('PUT', `/zones/${zone_id}/plan`, { plan: 'enterprise' });
  assert.equal((await cf.zones.holds.create({ zone_id })).hold, true);
  await cf.zones.holds.edit({ zone_id, include_subdomains: true });
  assert.equal((await cf.zones.holds.get({ zone_id })).include_subdomains, 'true');
  assert.equal((await cf.zones.holds.delete({ zone_id })).hold, false);
  assert.equal((await cf.zones.settings.edit('ssl', { zone_id, value: 'strict' })).value, 'strict');
  assert.equal((await cf.zones.settings.get('ssl', { zone_id })).value, 'strict');
  return zone;
}

async function records({ id: zone_id, name }) {
  const api = cf.dns.records;
  const record = await api.create({ zone_id, type: 'CNAME', name: 'www', content: 'shops.example.net', ttl: 1, proxied: true });
  assert.equal((await api.get(record.id, { zone_id })).content, 'shops.example.net');
  const fields = { zone_id, type: 'CNAME', name: 'www', content: 'shops.example.net', ttl: 1 };
  assert.equal((await api.update(record.id, fields)).proxied, false);
  assert.equal((await api.edit(record.id, { ...fields, proxied: true })).proxied, true);
  const posts = [1, 2, 3].map((number) => ({ type: 'A', name: `a${number}`, content: `192.0.2.${number}`, ttl: 60 }));
  assert.equal((await api.batch({ zone_id, posts })).posts.length, 3);
  assert.equal((await all(api.list({ zone_id, per_page: 2 }))).length, 4);
  await refused(400, () => api.create({ zone_id, ...posts[0] }));
  await api.delete(record.id, { zone_id });
  assert.equal((await cf.dns.usage.zone.get({ zone_id })).record_usage, 3);
  assert.match(await api.export({ zone_id }), /a1\.node-shop\.com\./);
  assert.equal((await api.import({ zone_id, file: 'b 300 IN A 192.0.2.9\n' })).recs_added, 1);
  await sim('PUT', `/dns/blog.${name}`, [{ type: 'A', content: '203.0.113.1' }]);
  await sim('PUT', `/dns/mail.${name}`, [{ type: 'A', content: '203.0.113.2' }]);
  assert.equal((await api.scanTrigger({ zone_id })).success, true);
  await advance(60);
  const found = await all(api.scanList({ zone_id }));
  const judged = await api.scanReview({ zone_id, rejects: [{ id: found[0].id }] });
  assert.deepEqual(judged.rejects, [found[0].id]);
  assert.equal((await api.scan({ zone_id, body: {} })).recs_added, 2);
  await cf.dns.dnssec.edit({ zone_id, status: 'active' });
  assert.equal((await cf.dns.dnssec.get({ zone_id })).status, 'pending');
  assert.equal(await cf.dns.dnssec.delete({ zone_id }), zone_id);
}

async function certificates({ id: zone_id, name }) {
  assert.equal((await cf.ssl.universal.settings.get({ zone_id })).enabled, true);
  await cf.ssl.universal.settings.edit({ zone_id, enabled: true });
  await sim('PUT', '/limits', { ...(await sim('GET', '/limits')), advanced_certificates: 5 });
  assert.equal((await cf.ssl.certificatePacks.quota.get({ zone_id })).advanced.allocated, 5);
  await sim('PUT', `/zones/${zone_id}/certificates`, { stall_at: 'pending_issuance' });
  const order = { type: 'advanced', hosts: [name], validation_method: 'txt', validity_days: 30, certificate_authority: 'google' };
  const pack = await cf.ssl.certificatePacks.create({ zone_id, ...order });
  await advance(600);
  assert.equal((await cf.ssl.certificatePacks.get(pack.id, { zone_id })).status, 'issuance_timed_out');
  await sim('PUT', `/zones/${zone_id}/certificates`, { stall_at: null });
  await cf.ssl.certificatePacks.edit(pack.id, { zone_id });
  await cf.ssl.verification.edit(pack.id, { zone_id, validation_method: 'txt' });
  await cf.ssl.verification.get({ zone_id, retry: true });
  await advance(600);
  assert.ok((await all(cf.ssl.certificatePacks.list({ zone_id }))).some((known) => known.id === pack.id));
  const verification = await cf.ssl.verification.get({ zone_id });
  assert.ok(verification.every((entry) => entry.certificate_status === 'active'));
  await cf.ssl.certificatePacks.delete(pack.id, { zone_id });
  assert.equal((await cf.dcvDelegation.get({ zone_id })).uuid.length, 16);
}

async function hostnames({ id: zone_id, name }) {
  const origin = `fallback.${name}`;
  await cf.dns.records.create({ zone_id, type: 'A', name: 'fallback', content: '192.0.2.1', ttl: 1, proxied: true });
  await cf.customHostnames.fallbackOrigin.update({ zone_id, origin });
  await advance(120);
  assert.equal((await cf.customHostnames.fallbackOrigin.get({ zone_id })).status, 'active');
  const ssl = { method: 'txt', type: 'dv' };
  const made = await cf.customHostnames.create({ zone_id, hostname: 'www.guest-shop.com', ssl });
  await advance(30);
  const pending = await cf.customHostnames.get(made.id, { zone_id });
  const [wanted] = pending.ssl.validation_records;
  await sim('PUT', `/dns/${wanted.txt_name}`, [{ type: 'TXT', content: wanted.txt_value }]);
  const proof = pending.ownership_verification;
  await sim('PUT', `/dns/${proof.name}`, [{ type: 'TXT', content: proof.value }]);
  await cf.customHostnames.edit(made.id, { zone_id, ssl });
  await advance(600);
  const active = await cf.customHostnames.get(made.id, { zone_id });
  assert.deepEqual([active.status, active.ssl.status], ['active', 'active']);
  assert.equal((await all(cf.customHostnames.list({ zone_id, hostname: { contain: 'guest' } }))).length, 1);
  await refused(409, () => cf.customHostnames.create({ zone_id, hostname: 'www.guest-shop.com', ssl }));
  assert.equal((await cf.customHostnames.quota.get({ zone_id })).used, 1);
  assert.equal((await cf.customHostnames.delete(made.id, { zone_id })).id, made.id);
  await cf.customHostnames.fallbackOrigin.delete({ zone_id });
}

async function edge({ id: zone_id }) {
  const phase = 'http_request_firewall_custom';
  const rule = { ref: 'storex-1', action: 'block', expression: '(http.request.uri.path eq "/x")', enabled: true };
  await refused(404, () => cf.rulesets.phases.get(phase, { zone_id }));
  const put = await cf.rulesets.phases.update(phase, { zone_id, rules: [rule] });
  assert.equal((await cf.rulesets.phases.get(phase, { zone_id })).rules[0].ref, 'storex-1');
  const more = await cf.rulesets.rules.create(put.id, { zone_id, action: 'log', expression: 'true', ref: 'two' });
  assert.deepEqual(more.rules.map((known) => known.ref), ['storex-1', 'two']);
  const second = more.rules[1].id;
  await cf.rulesets.rules.edit(second, { zone_id, ruleset_id: put.id, enabled: false });
  assert.equal((await cf.rulesets.get(put.id, { zone_id })).rules[1].enabled, false);
  assert.equal((await cf.rulesets.rules.delete(second, { zone_id, ruleset_id: put.id })).rules.length, 1);
  const made = await cf.rulesets.create({ zone_id, kind: 'zone', name: 'mine', phase: 'http_config_settings', rules: [] });
  await cf.rulesets.update(made.id, { zone_id, rules: [] });
  assert.equal((await all(cf.rulesets.list({ zone_id }))).length, 2);
  await cf.rulesets.delete(made.id, { zone_id });
  assert.equal((await cf.botManagement.update({ zone_id, enable_js: true })).enable_js, true);
  assert.equal((await cf.botManagement.get({ zone_id })).enable_js, true);
  assert.equal((await cf.cache.purge({ zone_id, hosts: ['www.node-shop.com'] })).id, zone_id);
  await sim('POST', '/traffic', [{ zone: zone_id, host: 'www.node-shop.com', count: 3 }]);
  const query = `{ viewer { zones(filter: {zoneTag: "${zone_id}"}) { httpRequestsAdaptiveGroups(limit: 1) { count } } } }`;
  const answer = await cf.post('/graphql', { body: { query } });
  assert.equal(answer.data.viewer.zones[0].httpRequestsAdaptiveGroups[0].count, 3);
}

async function tunnels(account_id) {
  const api = cf.zeroTrust.tunnels.cloudflared;
  const tunnel = await api.create({ account_id, name: 'node', config_src: 'cloudflare' });
  assert.equal((await api.edit(tunnel.id, { account_id, name: 'node-2' })).name, 'node-2');
  assert.deepEqual((await all(api.list({ account_id, is_deleted: false }))).map((found) => found.name), ['node-2']);
  assert.equal(typeof (await api.token.get(tunnel.id, { account_id })), 'string');
  const config = { ingress: [{ hostname: '*', service: 'http://127.0.0.1:3000' }] };
  assert.equal((await api.configurations.update(tunnel.id, { account_id, config })).version, 1);
  assert.equal((await api.configurations.get(tunnel.id, { account_id })).config.ingress.length, 1);
  const { id: connector } = await sim('POST', `/tunnels/${tunnel.id}/connectors`);
  assert.equal((await api.get(tunnel.id, { account_id })).status, 'healthy');
  assert.equal((await all(api.connections.get(tunnel.id, { account_id }))).length, 1);
  assert.equal((await api.connectors.get(connector, { account_id, tunnel_id: tunnel.id })).config_version, 1);
  assert.equal(typeof (await api.management.create(tunnel.id, { account_id, resources: ['logs'] })), 'string');
  await api.connections.delete(tunnel.id, { account_id, client_id: connector });
  assert.ok((await api.delete(tunnel.id, { account_id })).deleted_at);
}

async function main() {
  const [first] = await all(cf.zones.list());
  const account_id = first.account.id;
  await tokens(account_id);
  const zone = await zones(account_id);
  await records(zone);
  await certificates(zone);
  await hostnames(zone);
  await edge(zone);
  await tunnels(account_id);
  assert.equal((await cf.zones.delete({ zone_id: zone.id })).id, zone.id);
  console.log(JSON.stringify({ client: 'typescript' }));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
