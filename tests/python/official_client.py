"""Drives the simulated Cloudflare with the official Python client, response validation on.

Every answer is decoded by the client's own models, which were generated from Cloudflare's OpenAPI document: a missing field, a
wrong type or an unknown word raises. Called as `official_client.py BASE_URL USER_TOKEN ACCOUNT_TOKEN`; prints one JSON line.
"""

import json
import sys
import warnings

import httpx
from cloudflare import APIResponseValidationError, APIStatusError, Cloudflare

# The older scan is deprecated and part of the route table.
warnings.simplefilter("ignore", DeprecationWarning)
BASE, USER_TOKEN, ACCOUNT_TOKEN = sys.argv[1:4]
CONTROL = BASE.replace("/client/v4", "/__sim")


def client(token, transport=None):
    return Cloudflare(
        api_token=token,
        base_url=BASE,
        max_retries=0,
        _strict_response_validation=True,
        http_client=httpx.Client(transport=transport) if transport else None,
    )


def sim(method, path, body=None):
    answer = httpx.request(method, CONTROL + path, json=body)
    assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def advance(seconds):
    sim("POST", "/clock", {"advance_s": seconds})


def refused(status, call):
    try:
        call()
    except APIStatusError as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"{status} was expected")


def tokens(cf, account):
    assert cf.user.tokens.verify().status == "active"
    assert client(ACCOUNT_TOKEN).accounts.tokens.verify(account_id=account).status == "active"
    groups = list(cf.user.tokens.permission_groups.list())
    assert any(group.name == "DNS Write" for group in groups)


def zones(cf, account):
    zone = cf.zones.create(account={"id": account}, name="python-shop.com", type="full")
    assert zone.status == "pending" and len(zone.name_servers) == 2
    assert [found.id for found in cf.zones.list(name="python-shop.com", account={"id": account})] == [zone.id]
    sim("PUT", f"/registrar/{zone.name}", {"name_servers": zone.name_servers})
    assert cf.zones.activation_check.trigger(zone_id=zone.id).id == zone.id
    assert cf.zones.get(zone_id=zone.id).status == "active"
    assert cf.zones.edit(zone_id=zone.id, paused=True).paused is True
    cf.zones.edit(zone_id=zone.id, paused=False)
    refused(403, lambda: cf.zones.holds.create(zone_id=zone.id))
    sim("PUT", f"/zones/{zone.id}/plan", {"plan": "enterprise"})
    assert cf.zones.holds.create(zone_id=zone.id, include_subdomains=True).hold is True
    cf.zones.holds.edit(zone_id=zone.id, include_subdomains=False)
    assert cf.zones.holds.get(zone_id=zone.id).include_subdomains == "false"
    assert cf.zones.holds.delete(zone_id=zone.id).hold is False
    assert cf.zones.settings.get("ssl", zone_id=zone.id).value == "flexible"
    for setting, value in [
        ("ssl", "full"), ("always_use_https", "on"), ("automatic_https_rewrites", "on"), ("min_tls_version", "1.2"),
        ("tls_1_3", "on"), ("security_level", "under_attack"), ("http3", "on"), ("0rtt", "off"), ("brotli", "on"),
        ("websockets", "on"), ("opportunistic_encryption", "on"), ("development_mode", "off"), ("browser_cache_ttl", 14400),
        ("security_header", {"strict_transport_security": {"enabled": False, "max_age": 0}}),
    ]:
        assert cf.zones.settings.edit(setting, zone_id=zone.id, value=value).id == setting
        cf.zones.settings.get(setting, zone_id=zone.id)
    return zone


def records(cf, zone):
    cname = cf.dns.records.create(zone_id=zone.id, type="CNAME", name="www", content="shops.example.net", ttl=1, proxied=True,
                                  comment="storex/1")
    made = [
        dict(type="A", name="@", content="192.0.2.1", ttl=300),
        dict(type="AAAA", name="six", content="2001:db8::1", ttl=300),
        dict(type="TXT", name="text", content="v=spf1 -all", ttl=300),
        dict(type="MX", name="@", content="mail.example.net", priority=10, ttl=300),
        dict(type="SRV", name="_sip._tcp", ttl=300, data={"priority": 1, "weight": 2, "port": 5060, "target": "sip.example.net"}),
        dict(type="CAA", name="@", ttl=300, data={"flags": 0, "tag": "issue", "value": "letsencrypt.org"}),
        dict(type="NS", name="sub", content="ns.example.net", ttl=300),
    ]
    for fields in made:
        record = cf.dns.records.create(zone_id=zone.id, **fields)
        assert cf.dns.records.get(record.id, zone_id=zone.id).type == fields["type"]
    assert len(list(cf.dns.records.list(zone_id=zone.id, per_page=2))) == 8, "the client follows the pages"
    assert [found.id for found in cf.dns.records.list(zone_id=zone.id, comment={"startswith": "storex/"})] == [cname.id]
    cf.dns.records.edit(cname.id, zone_id=zone.id, type="CNAME", name="www", content="other.example.net", ttl=1)
    put = cf.dns.records.update(cname.id, zone_id=zone.id, type="CNAME", name="www", content="shops.example.net", ttl=1)
    assert put.proxied is False, "a PUT returns what it does not send to its default"
    batch = cf.dns.records.batch(
        zone_id=zone.id,
        deletes=[{"id": record.id}],
        patches=[{"id": cname.id, "proxied": True, "type": "CNAME", "name": "www", "content": "shops.example.net", "ttl": 1}],
        posts=[{"type": "A", "name": "shop", "content": "192.0.2.7", "ttl": 60}],
    )
    assert len(batch.posts) == 1 and batch.patches[0].proxied is True
    refused(400, lambda: cf.dns.records.create(zone_id=zone.id, type="A", name="shop", content="192.0.2.7", ttl=60))
    cf.dns.records.delete(batch.posts[0].id, zone_id=zone.id)
    assert cf.dns.usage.zone.get(zone_id=zone.id).record_usage == 7
    text = cf.dns.records.export(zone_id=zone.id)
    assert "cf-proxied:true" in text
    imported = cf.dns.records.import_(zone_id=zone.id, file="new 300 IN A 192.0.2.9\n", proxied="false")
    assert (imported.recs_added, imported.total_records_parsed) == (1, 1)
    for name, kind, content in [("blog", "A", "203.0.113.1"), ("mail", "A", "203.0.113.2"), ("ftp", "CNAME", "ftp.old.net")]:
        sim("PUT", f"/dns/{name}.python-shop.com", [{"type": kind, "content": content}])
    assert cf.dns.records.scan_trigger(zone_id=zone.id).success is True
    advance(60)
    found = list(cf.dns.records.scan_list(zone_id=zone.id))
    assert len(found) == 3
    accepted, rejected = found[0], found[1]
    judged = cf.dns.records.scan_review(
        zone_id=zone.id,
        accepts=[{"type": accepted.type, "name": accepted.name, "content": accepted.content, "ttl": 300}],
        rejects=[{"id": rejected.id}],
    )
    assert judged.rejects == [rejected.id] and len(judged.accepts) == 1
    assert cf.dns.records.scan(zone_id=zone.id).recs_added >= 1
    assert cf.dns.dnssec.get(zone_id=zone.id).status == "disabled"
    assert cf.dns.dnssec.edit(zone_id=zone.id, status="active").ds.startswith("python-shop.com. 3600 IN DS")
    assert cf.dns.dnssec.delete(zone_id=zone.id) == zone.id


def certificates(cf, zone):
    assert cf.ssl.universal.settings.get(zone_id=zone.id).enabled is True
    cf.ssl.universal.settings.edit(zone_id=zone.id, enabled=True)
    list(cf.ssl.verification.get(zone_id=zone.id))
    advance(600)
    packs = list(cf.ssl.certificate_packs.list(zone_id=zone.id, status="all"))
    assert [pack.status for pack in packs] == ["active"]
    limits = sim("GET", "/limits")
    sim("PUT", "/limits", {**limits, "advanced_certificates": 5})
    assert cf.ssl.certificate_packs.quota.get(zone_id=zone.id).advanced.allocated == 5
    order = dict(type="advanced", hosts=["python-shop.com", "*.python-shop.com"], validation_method="txt", validity_days=90,
                 certificate_authority="google")
    sim("PUT", f"/zones/{zone.id}/certificates", {"stall_at": "pending_validation"})
    pack = cf.ssl.certificate_packs.create(zone_id=zone.id, **order)
    advance(600)
    assert cf.ssl.certificate_packs.get(pack.id, zone_id=zone.id).status == "validation_timed_out"
    sim("PUT", f"/zones/{zone.id}/certificates", {"stall_at": None})
    cf.ssl.verification.edit(pack.id, zone_id=zone.id, validation_method="txt")
    cf.ssl.certificate_packs.edit(pack.id, zone_id=zone.id, cloudflare_branding=False)
    advance(600)
    assert cf.ssl.certificate_packs.get(pack.id, zone_id=zone.id).status == "active"
    assert cf.ssl.certificate_packs.delete(pack.id, zone_id=zone.id).id == pack.id
    assert len(cf.dcv_delegation.get(zone_id=zone.id).uuid) == 16


def hostnames(cf, zone):
    fallback = f"fallback.{zone.name}"
    cf.dns.records.create(zone_id=zone.id, type="A", name="fallback", content="192.0.2.1", ttl=1, proxied=True)
    assert cf.custom_hostnames.fallback_origin.update(zone_id=zone.id, origin=fallback).status == "initializing"
    advance(120)
    assert cf.custom_hostnames.fallback_origin.get(zone_id=zone.id).status == "active"
    ssl = {"method": "http", "type": "dv", "settings": {"min_tls_version": "1.2", "http2": "on"}}
    made = cf.custom_hostnames.create(zone_id=zone.id, hostname="www.customer-shop.com", ssl=ssl)
    assert made.status == "pending" and made.ssl.validation_records is None, "the first answer has no records yet"
    advance(30)
    pending = cf.custom_hostnames.get(made.id, zone_id=zone.id)
    assert pending.ssl.status == "pending_validation" and pending.ssl.validation_records[0].http_url
    sim("PUT", "/dns/www.customer-shop.com", [{"type": "CNAME", "content": fallback}])
    assert cf.custom_hostnames.edit(made.id, zone_id=zone.id, ssl=ssl).id == made.id
    advance(600)
    active = cf.custom_hostnames.get(made.id, zone_id=zone.id)
    assert (active.status, active.ssl.status) == ("active", "active"), active
    assert [found.id for found in cf.custom_hostnames.list(zone_id=zone.id, hostname={"exact": "www.customer-shop.com"})] == [made.id]
    refused(409, lambda: cf.custom_hostnames.create(zone_id=zone.id, hostname="www.customer-shop.com", ssl=ssl))
    assert cf.custom_hostnames.quota.get(zone_id=zone.id).used == 1
    controls(zone, made)
    assert cf.custom_hostnames.delete(made.id, zone_id=zone.id).id == made.id
    assert cf.custom_hostnames.fallback_origin.delete(zone_id=zone.id).status == "pending_deletion"


RULES = {
    "http_request_firewall_custom": dict(action="block", expression='(http.request.uri.path contains "/x")'),
    "http_ratelimit": dict(action="block", expression='(http.request.uri.path eq "/login")', ratelimit={
        "characteristics": ["cf.colo.id", "ip.src"], "period": 10, "requests_per_period": 5, "mitigation_timeout": 10}),
    "http_request_firewall_managed": dict(action="execute", expression="true",
                                          action_parameters={"id": "efb7b8c949ac4650a09736fc376e9aee"}),
    "http_config_settings": dict(action="set_config", expression='(http.host eq "a.b")', action_parameters={"ssl": "strict"}),
    "http_request_cache_settings": dict(action="set_cache_settings", expression="true", action_parameters={"cache": True}),
    "ddos_l7": dict(action="execute", expression="true", action_parameters={"id": "4d21379b4f9f4bb088e0729962c8b3cf"}),
}


def edge(cf, zone):
    refused(404, lambda: cf.rulesets.phases.get("ddos_l7", zone_id=zone.id))
    for phase, rule in RULES.items():
        # The client's type of every change to a ruleset is "a ruleset or anything", so the strict reading is the GET's.
        cf.rulesets.phases.update(phase, zone_id=zone.id, rules=[{**rule, "ref": "storex-1", "enabled": True}])
        put = cf.rulesets.phases.get(phase, zone_id=zone.id)
        assert (put.version, put.rules[0].ref, put.rules[0].action) == ("1", "storex-1", rule["action"])
    assert len(list(cf.rulesets.list(zone_id=zone.id))) == len(RULES)
    made = cf.rulesets.create(zone_id=zone.id, kind="zone", name="mine", phase="http_request_transform", rules=[])
    refused(400, lambda: cf.rulesets.create(zone_id=zone.id, kind="zone", name="mine", phase="http_request_transform", rules=[]))
    cf.rulesets.update(made["id"], zone_id=zone.id, rules=[])
    assert cf.rulesets.get(made["id"], zone_id=zone.id).version == "2"
    cf.rulesets.delete(made["id"], zone_id=zone.id)
    custom = cf.rulesets.phases.get("http_request_firewall_custom", zone_id=zone.id)
    assert cf.rulesets.get(custom.id, zone_id=zone.id).phase == custom.phase
    cf.rulesets.rules.create(custom.id, zone_id=zone.id, action="skip", expression="(ip.src eq 192.0.2.1)",
                             action_parameters={"ruleset": "current"}, ref="skip", position={"index": 1})
    more = cf.rulesets.get(custom.id, zone_id=zone.id)
    assert [rule.ref for rule in more.rules] == ["skip", "storex-1"]
    cf.rulesets.rules.edit(more.rules[0].id, zone_id=zone.id, ruleset_id=custom.id, enabled=False)
    assert cf.rulesets.get(custom.id, zone_id=zone.id).rules[0].enabled is False
    cf.rulesets.rules.delete(more.rules[0].id, zone_id=zone.id, ruleset_id=custom.id)
    assert len(cf.rulesets.get(custom.id, zone_id=zone.id).rules) == 1
    cf.bot_management.get(zone_id=zone.id)
    assert cf.bot_management.update(zone_id=zone.id, enable_js=True, sbfm_definitely_automated="block").enable_js is True
    for wish in [{"purge_everything": True}, {"hosts": ["www.python-shop.com"]}, {"files": ["https://www.python-shop.com/a"]}]:
        assert cf.cache.purge(zone_id=zone.id, **wish).id == zone.id
    sim("POST", "/traffic", [{"zone": zone.id, "host": "www.python-shop.com", "count": 7, "cache_status": "hit"},
                             {"zone": zone.id, "host": "www.python-shop.com", "count": 2, "action": "block"}])
    query = """query ($zone: string) { viewer { zones(filter: {zoneTag: $zone}) {
      httpRequestsAdaptiveGroups(limit: 10, filter: {requestSource: "eyeball"}) { count dimensions { cacheStatus } }
      firewallEventsAdaptiveGroups(limit: 10) { count dimensions { action } } } } }"""
    answer = cf.post("/graphql", cast_to=object, body={"query": query, "variables": {"zone": zone.id}})
    seen = answer["data"]["viewer"]["zones"][0]
    assert seen["httpRequestsAdaptiveGroups"] == [{"count": 7, "dimensions": {"cacheStatus": "hit"}}], answer
    assert seen["firewallEventsAdaptiveGroups"] == [{"count": 2, "dimensions": {"action": "block"}}], answer


def tunnels(cf, account):
    api = cf.zero_trust.tunnels.cloudflared
    tunnel = api.create(account_id=account, name="python", config_src="cloudflare")
    assert tunnel.status == "inactive"
    assert [found.id for found in api.list(account_id=account, is_deleted=False, name="python")] == [tunnel.id]
    assert api.edit(tunnel.id, account_id=account, name="python-2").name == "python-2"
    assert isinstance(api.token.get(tunnel.id, account_id=account), str)
    rules = [{"hostname": "www.python-shop.com", "service": "http://127.0.0.1:3000"}, {"hostname": "*", "service": "http_status:404"}]
    put = api.configurations.update(tunnel.id, account_id=account, config={"ingress": rules})
    assert put.version == 1
    assert api.configurations.get(tunnel.id, account_id=account).config.ingress[0].hostname == "www.python-shop.com"
    connector = sim("POST", f"/tunnels/{tunnel.id}/connectors")["id"]
    assert api.get(tunnel.id, account_id=account).status == "healthy"
    assert [found.id for found in api.connections.get(tunnel.id, account_id=account)] == [connector]
    assert api.connectors.get(connector, account_id=account, tunnel_id=tunnel.id).config_version == 1
    assert api.management.create(tunnel.id, account_id=account, resources=["logs"])
    api.connections.delete(tunnel.id, account_id=account, client_id=connector)
    assert api.delete(tunnel.id, account_id=account).deleted_at is not None


class Tamper(httpx.HTTPTransport):
    """Gives one field of an answer a type it must not have."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def handle_request(self, request):
        answer = super().handle_request(request)
        body = json.loads(answer.read())
        result = body["result"][0] if isinstance(body["result"], list) else body["result"]
        result[self.field] = {"wrong": ["type"]}
        return httpx.Response(answer.status_code, json=body)


def controls(zone, hostname):
    """The control: a wrong type in any of these answers is found out."""
    calls = [
        ("name", lambda cf: cf.zones.get(zone_id=zone.id)),
        ("created_on", lambda cf: list(cf.zones.list())),
        ("modified_on", lambda cf: list(cf.dns.records.list(zone_id=zone.id))),
        ("value", lambda cf: cf.zones.settings.get("ssl", zone_id=zone.id)),
        ("status", lambda cf: cf.custom_hostnames.get(hostname.id, zone_id=zone.id)),
        ("hosts", lambda cf: list(cf.ssl.certificate_packs.list(zone_id=zone.id))),
        ("certificate_status", lambda cf: list(cf.ssl.verification.get(zone_id=zone.id))),
        ("used", lambda cf: cf.custom_hostnames.quota.get(zone_id=zone.id)),
    ]
    found_out = 0
    for field, call in calls:
        try:
            call(client(USER_TOKEN, Tamper(field)))
            print(f"a wrong {field} was not found out", file=sys.stderr)
        except APIResponseValidationError:
            found_out += 1
    RESULT.update(wrong=len(calls), found_out=found_out)


RESULT = {}


def main():
    cf = client(USER_TOKEN)
    account = next(iter(cf.zones.list())).account.id
    tokens(cf, account)
    zone = zones(cf, account)
    records(cf, zone)
    certificates(cf, zone)
    hostnames(cf, zone)
    edge(cf, zone)
    tunnels(cf, account)
    assert cf.zones.delete(zone_id=zone.id).id == zone.id
    print(json.dumps({"client": "python", **RESULT}))


if __name__ == "__main__":
    main()
