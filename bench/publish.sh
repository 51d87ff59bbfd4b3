#!/bin/sh
# Measures what the documentation shows, and writes its tables and its picture. Keep the machine idle meanwhile.
set -e
cd "$(dirname "$0")/.."
results=$(mktemp -d)
node bench/run.mjs start fresh new scan single create split move latency --json "$results/memory.json"
node bench/run.mjs structure --rounds 3 --json "$results/structure.json"
node bench/run.mjs fresh new --flush-ms 1 --rounds 3 --json "$results/slow-disk.json"
node bench/docs.mjs "$results"/memory.json "$results"/structure.json "$results"/slow-disk.json
echo "The results are in $results."
