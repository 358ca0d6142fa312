#!/usr/bin/env bash
# `make run`: builds tollgate, starts it, and prints a curl line with a test key that answers as pasted.
#
# A gateway on a fresh data dir makes and prints its keys itself. On one that exists this makes a test key that lasts
# a day. Configuration is what `tollgate serve` would use here: ./tollgate.toml and TOLLGATE_… variables.
set -euo pipefail
cd "$(dirname "$0")/.."

tollgate=target/debug/tollgate
cargo build --locked --package tollgate

# One value out of what is in force. A bad configuration is told in full.
config=$("$tollgate" check --json) || "$tollgate" check
setting() {
  python3 -c 'import json, sys; print(json.loads(sys.argv[1])[sys.argv[2]])' "$config" "$1"
}

listen=$(setting listen)
data=$(setting data_dir)
scheme=http
if [ "$(setting tls)" = True ]; then scheme=https; fi
base="$scheme://${listen/0.0.0.0/127.0.0.1}"

key=
if [ -e "$data/pepper" ] || [ -n "${TOLLGATE_ADMIN_KEY:-}" ]; then
  key=$("$tollgate" keys create --data-dir "$data" --mode test --expires 1d --name "make run" --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])')
fi

# A command line that answers as pasted: options of curl, more of the request.
try() {
  echo "curl$1 $base/v1/chat/completions -H 'Authorization: Bearer $key' -H 'Content-Type: application/json' \\"
  echo "  -d '{\"model\": \"gpt-5-mini\"$2, \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'"
  echo
}

# Job control gives the gateway a process group of its own, so that it gets each signal once.
set -m
"$tollgate" serve --data-dir "$data" &
gateway=$!
trap 'kill -INT "$gateway" 2> /dev/null || true' INT TERM

for _ in $(seq 200); do
  if ! kill -0 "$gateway" 2> /dev/null; then
    break
  fi
  if curl --silent --fail --insecure --max-time 1 --output /dev/null "$base/readyz"
  then
    if [ -n "$key" ]; then
      echo
      echo "A test key for one day (the data dir is there already). Try it:"
      echo
      try '' ''
      echo "and streamed:"
      echo
      try ' -N' ', "stream": true'
    fi
    echo
    echo "Ctrl-C ends it, once open requests are done."
    break
  fi
  sleep 0.05
done

# In a terminal Ctrl-C goes straight to the gateway; elsewhere the trap passes signals on.
if [ -t 0 ]; then
  fg %1 > /dev/null
else
  while kill -0 "$gateway" 2> /dev/null; do
    wait "$gateway" && status=0 || status=$?
  done
  exit "${status:-1}"
fi
