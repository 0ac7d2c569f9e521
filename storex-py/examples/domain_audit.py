"""A report on every store's domain: what its owner still has to do, and what drifted. Markdown on standard output.

    python domain_audit.py --url http://127.0.0.1:8080 --token-file /srv/storex/admin.token

Without `--url` it shows a sandbox with a few stores. Nothing is changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import storex


def report(sx: storex.Storex) -> Iterator[str]:
    """The lines of the report."""
    yield "| store | domain | status | name servers | what is left |"
    yield "|---|---|---|---|---|"
    waiting = 0
    for store in sx.stores.list():
        configuration = store.configuration
        waiting += configuration.status == "configuring"
        cells = [
            store.id,
            store.domains.custom or store.domains.system,
            configuration.status,
            ", ".join(configuration.nameservers) or "–",
            "; ".join(configuration.next_steps) or "nothing",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield f"{waiting} wait for their owners."
    for drift in sx.drift():
        yield f"- {drift.store_id or 'platform'}: {drift.resource} is {drift.state} ({drift.detail}); reconcile: {drift.action}"


def example(sx: storex.Storex) -> None:
    """A few stores to look at."""
    for username, domain in [("oceanbreeze", "oceanbreezestore.com"), ("bluepeak", None), ("auk", "auk-outdoor.de")]:
        sx.stores.create(username, domain=domain, owner="John Smith", email=f"{username}@example.org").wait(timeout=60)


def main() -> int:
    """The program; answers its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="address of the controller")
    parser.add_argument("--token-file", type=Path)
    options = parser.parse_args()
    if options.url:
        client = storex.connect(options.url, options.token_file.read_text().strip())
    else:
        client = storex.Storex.sandbox()
    with client as sx:
        if not options.url:
            example(sx)
        for line in report(sx):
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
