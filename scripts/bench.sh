#!/usr/bin/env bash
# Prints each figure beside its floor, both measured in the same run. Ratios count; absolute times are this machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
# Built as it would be deployed. What counts is spent in other programs and in fsync.
scripts/install-mongod.sh
cargo bench --locked -p storex-tests --bench main_job --bench ingress --bench fleet --bench mongo
# The wheel as people install it.
scripts/python.sh bench
