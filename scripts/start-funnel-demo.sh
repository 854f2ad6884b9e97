#!/bin/sh
# Starts a public, read-only demo for two hours, with a token of its own, and ends it again.
#
#     scripts/start-funnel-demo.sh                 a made-up tailnet (the sandbox), for two hours
#     scripts/start-funnel-demo.sh --for 30m       for another time
#     scripts/start-funnel-demo.sh --tailnet       your own tailnet, by the credential in the environment
#     scripts/start-funnel-demo.sh --stop          cleans up after an earlier demo
#
# It asks before anything becomes public; `--yes` answers for you. Ctrl-C ends the demo early. TAILSTEWARD
# names the program, if it is not in the PATH. Needs a machine in a tailnet, with Tailscale running.
set -eu

program=${TAILSTEWARD:-tailsteward}
time=2h port=8710 what=--sandbox yes='' stop=''
while [ $# -gt 0 ]; do
  case $1 in
    --for) time=$2; shift ;;
    --port) port=$2; shift ;;
    --tailnet) what='' ;;
    --yes) yes=--yes ;;
    --stop) stop=1 ;;
    *) sed -n '2,11p' "$0"; exit 2 ;;
  esac
  shift
done
case $port in '' | *[!0-9]*) echo "--port must be a number, such as 8710" >&2; exit 2 ;; esac
case $time in '' | *[!0-9a-z]*) echo "--for must be a time, such as 2h" >&2; exit 2 ;; esac
command -v "$program" >/dev/null || {
  echo "there is no program $program: install tailsteward, or set TAILSTEWARD to its path" >&2; exit 1
}

# A call about this machine. The demo has a journal of its own: if the demo cannot end the Funnel, `--stop` or the next
# server with this journal does.
store=${TAILSTEWARD_DEMO_STORE:-$HOME/.local/share/tailsteward/funnel-demo.sqlite3}
mkdir -p "$(dirname "$store")"
ask() {
  tool=$1 arguments=$2; shift 2
  "$program" call "$tool" "$arguments" --sandbox --toolsets this_node,funnel --access danger \
    --store "$store" --history off "$@"
}
end() { ask funnel_disable '{}' --yes >/dev/null 2>&1 || true; }
if [ -n "$stop" ]; then end; echo "the demo is no longer public"; exit; fi

state=$(ask get_local_status '{}')
host=$(printf %s "$state" | sed -n 's/.*"dns_name":"\([^"]*\)".*/\1/p')
[ -n "$host" ] || { echo "this machine is in no tailnet: $state" >&2; exit 1; }

folder=$(mktemp -d)
chmod 700 "$folder"
server=''
finish() {
  trap '' INT TERM EXIT
  end
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$folder"
  echo "the demo has ended: it is no longer public, and its token is deleted"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

token=$("$program" token add demo --read-only --expires "$time" --tokens "$folder/tokens")
[ -n "$token" ] || { echo "no token was made" >&2; exit 1; }
# shellcheck disable=SC2086 # $what is one option or none
"$program" serve $what --http "127.0.0.1:$port" --tokens "$folder/tokens" --access read \
  --allowed-host "$host" --public-url "https://$host/" --toolsets default --store "$store" --history off \
  > "$folder/log" 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if grep -q '^MCP at ' "$folder/log"; then break; fi
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 1
done

# shellcheck disable=SC2086 # $yes is one option or none
ask funnel_enable "{\"target\":\"$port\",\"for\":\"$time\"}" $yes
cat <<T

public for $time:  https://$host/mcp
the token:     $token

An MCP host takes it like this:
  {"mcpServers":{"demo":{"type":"http","url":"https://$host/mcp","headers":{"Authorization":"Bearer $token"}}}}

Ctrl-C ends it.
T
case $time in
  *h) seconds=$((${time%h} * 3600)) ;;
  *m) seconds=$((${time%m} * 60)) ;;
  *s) seconds=${time%s} ;;
  *) seconds=7200 ;;
esac
sleep "$seconds" &
wait $!
