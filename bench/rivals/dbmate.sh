#!/bin/sh
# dbmate, a process a tenant, K at a time: rivals/dbmate.sh URL DIR TENANTS.json K
url=$1 dir=$2 list=$3 k=$4
bin=$(cd "$(dirname "$0")/../node_modules/.bin" && pwd)/dbmate
real=$(dirname "$0")/../node_modules/@dbmate/linux-x64/bin/dbmate
[ -x "$real" ] && bin=$real
tr -d '[]"' <"$list" | tr ',' '\n' | xargs -P "$k" -I{} "$bin" \
  --url "$url?sslmode=disable&search_path={},public" --migrations-dir "$dir/dbmate" --no-dump-schema migrate >/dev/null
