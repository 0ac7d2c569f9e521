#!/usr/bin/env bash
# Prints each figure beside its floor, both measured in the same run. Ratios count; absolute times are this machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
# The dev profile shares its artifacts with the tests; core and fakes are optimised there, and what counts is spent in other programs and fsync.
exec cargo bench --locked -p storex-tests --profile dev --bench main_job
