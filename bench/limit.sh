#!/bin/sh
# The least there is to do: scripts made beforehand, one psql a connection. limit.sh URL SCRIPT...
url=$1
shift
for script in "$@"; do psql "$url" -Xqb -v ON_ERROR_STOP=1 -f "$script" >/dev/null & done
wait
