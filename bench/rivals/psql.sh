#!/bin/sh
# A shell loop over psql, a process a tenant to read the history and one to run what is missing, K at a time.
url=$1 dir=$2 list=$3 k=$4
export url dir
tr -d '[]"' <"$list" | tr ',' '\n' | xargs -P "$k" -I{} sh -c '
  tenant=$1
  done=$(PGOPTIONS="-c search_path=\"$tenant\",public -c client_min_messages=warning" psql "$url" -XAtq -v ON_ERROR_STOP=1 \
    -c "create table if not exists history (name text primary key)" -c "select name from history")
  set --
  for file in "$dir"/plain/*.sql; do
    name=${file##*/}
    case " $(echo $done) " in *" $name "*) ;; *) set -- "$@" -f "$file" -c "insert into history values ('"'"'$name'"'"')" ;; esac
  done
  [ $# = 0 ] || PGOPTIONS="-c search_path=\"$tenant\",public" psql "$url" -Xq -1 -v ON_ERROR_STOP=1 "$@" >/dev/null
' sh {}
