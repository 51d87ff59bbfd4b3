#!/bin/sh
# Measures what the documentation shows, and writes its tables and its picture: publish.sh [STEP ...]
# Results stay in node_modules/.bench/results, so a step can be repeated by itself.
set -e
cd "$(dirname "$0")/.."
results=node_modules/.bench/results
mkdir -p "$results"
for step in ${*:-memory slow-disk latency structure}; do
  case $step in
    memory) set -- start fresh new scan single create split move ;;
    slow-disk) set -- fresh new --flush-ms 1 --rounds 3 --only umzug,postgrator,node-pg-migrate,knex,drizzle ;;
    latency) set -- latency --rounds 3 ;;
    structure) set -- structure --rounds 2 ;;
    *) echo "there is no step $step" >&2 && exit 2 ;;
  esac
  node bench/run.mjs "$@" --json "$results/$step.json"
  node bench/docs.mjs "$results"/*.json
done
