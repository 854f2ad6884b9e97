#!/bin/sh
# Starts a public, read-only demo for two hours, with a token of its own, and ends it again.
#
#     scripts/start-funnel-demo.sh                 a made-up tailnet (the sandbox), for two hours
#     scripts/start-funnel-demo.sh --for 1h30m     for another time
#     scripts/start-funnel-demo.sh --port 9000     with the server on another port of 127.0.0.1 than 8710
#     scripts/start-funnel-demo.sh --tailnet       your own tailnet, by the credential in the environment
#     scripts/start-funnel-demo.sh --stop          ends what an earlier demo left public
#
# It asks before anything becomes public; `--yes` answers for you. Ctrl-C ends the demo early. It uses a public port
# (443, 8443 or 10000) where nothing is served, and only ends what it has opened itself. TAILSTEWARD names the
# program, if it is not in the PATH. Needs a machine in a tailnet, with Tailscale running.
# shellcheck disable=SC2317 # functions that traps call
set -eu

help() { sed -n '2,12{s/^# \{0,1\}//;p;}' "$0"; }
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }

program=${TAILSTEWARD:-tailsteward}
time=2h port=8710 what=--sandbox yes='' stop=''
while [ $# -gt 0 ]; do
  case $1 in
    --for | --port)
      [ $# -gt 1 ] || fail "$1 needs a value, such as $([ "$1" = --for ] && echo 2h || echo 8710)" 2
      if [ "$1" = --for ]; then time=$2; else port=$2; fi
      shift ;;
    --tailnet) what='' ;;
    --yes) yes=--yes ;;
    --stop) stop=1 ;;
    --help | -h) help; exit ;;
    *) help >&2; fail "unknown option: $1" 2 ;;
  esac
  shift
done
case $port in '' | *[!0-9]*) fail "--port must be a number, such as 8710" 2 ;; esac
# The tool checks the rest; this only keeps other characters out of its arguments.
case $time in '' | *[!0-9a-z]*) fail "--for must be a time, such as 2h or 1h30m" 2 ;; esac
command -v "$program" >/dev/null ||
  fail "there is no program $program: install tailsteward, or set TAILSTEWARD to its path"

# A call about this machine. The demo has a journal of its own: what it has opened is in there, and if the demo cannot
# end it, `--stop` or the next server with this journal does.
store=${TAILSTEWARD_DEMO_STORE:-$HOME/.local/share/tailsteward/funnel-demo.sqlite3}
mkdir -p "$(dirname "$store")"
ask() {
  tool=$1 arguments=$2; shift 2
  "$program" call "$tool" "$arguments" --sandbox --toolsets this_node,funnel --access danger \
    --store "$store" --history off "$@"
}
# The public ports that this journal has opened, and that still serve what it says. Fails if that is unknown.
opened() {
  state=$(ask funnel_status '{}') || return 1
  printf %s "$state" | tr '}' '\n' | grep '"change":' | sed -n 's/.*"at":"[^"]*:\([0-9]*\)".*/\1/p' || true
}
# Ends all that this journal has opened, and checks that it is no longer public.
end() {
  ports=$(opened) || return 1
  for opened in $ports; do
    # The server may have ended it a moment ago, so only what is public afterwards counts.
    error=$(ask funnel_disable "{\"public_port\":$opened}" --yes 2>&1 >/dev/null) || true
  done
  ports=$(opened) || return 1
  [ -z "$ports" ] || { printf '%s\n' "${error:-it is public again}" >&2; return 1; }
}
public="the demo may still be public. Look at \`tailscale funnel status\`, and try again: $0 --stop"

if [ -n "$stop" ]; then
  before=$(opened) || fail "$public"
  [ -n "$before" ] || { echo "no demo is public"; exit; }
  end || fail "$public"
  echo "the demo is no longer public"
  exit
fi

state=$(ask get_local_status '{}')
host=$(printf %s "$state" | sed -n 's/.*"dns_name":"\([^"]*\)".*/\1/p')
[ -n "$host" ] || fail "this machine is in no tailnet: $state"
earlier=$(opened) || fail "it is unknown whether an earlier demo is still public"
[ -z "$earlier" ] || fail "an earlier demo is still public; end it first: $0 --stop"

served=$(ask serve_status '{}')
at=''
for candidate in 443 8443 10000; do
  case $served in
    *":$candidate\""*) ;;
    *) at=$candidate; break ;;
  esac
done
[ -n "$at" ] || fail "something is served on the ports 443, 8443 and 10000; see \`tailscale serve status\`"
wanted="\"target\":\"$port\",\"public_port\":$at,\"for\":\"$time\""
# What is wrong is found now, before there is a token or a server.
ask funnel_enable "{$wanted,\"dry_run\":true}" >/dev/null
url=https://$host
[ "$at" = 443 ] || url=$url:$at

folder=$(mktemp -d)
chmod 700 "$folder"
server='' nap='' asked='' ended='nothing was made public'
finish() {
  code=$?
  trap '' INT TERM EXIT
  if [ -n "$asked" ]; then end || { ended=$public; code=1; }; fi
  for process in $nap $server; do kill "$process" 2>/dev/null || true; done
  if [ -n "$server" ]; then wait "$server" 2>/dev/null || true; fi
  rm -rf "$folder"
  echo "$ended; its token is deleted"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

token=$("$program" token add demo --read-only --expires "$time" --tokens "$folder/tokens")
[ -n "$token" ] || fail "no token was made"
# shellcheck disable=SC2086 # $what is one option or none
"$program" serve $what --http "127.0.0.1:$port" --tokens "$folder/tokens" --access read \
  --allowed-host "${url#https://}" --public-url "$url/" --toolsets default --store "$store" --history off \
  > "$folder/log" 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
  if grep -q '^MCP at ' "$folder/log" 2>/dev/null; then break; fi
  kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
  sleep 1
done
grep -q '^MCP at ' "$folder/log" || { cat "$folder/log" >&2; fail "the server did not start"; }

asked=1
# shellcheck disable=SC2086 # $yes is one option or none
answer=$(ask funnel_enable "{$wanted}" $yes)
ended='the demo has ended: it is no longer public'
state=$(ask funnel_status '{}')
until=$(printf %s "$state" | sed -n 's/.*"ends":"\([^"]*\)".*/\1/p')
[ -n "$until" ] || fail "the demo did not become public: $answer"
cat <<T

public until $until:  $url/mcp
the token:     $token

An MCP host takes it like this:
  {"mcpServers":{"demo":{"type":"http","url":"$url/mcp","headers":{"Authorization":"Bearer $token"}}}}

Ctrl-C ends it.
T
# The server ends it in time. If the daemon does not answer for a while, that is not the end.
while kill -0 "$server" 2>/dev/null; do
  sleep 5 >/dev/null 2>&1 &
  nap=$!
  wait "$nap" || true
  nap=''
  left=$(opened 2>/dev/null) || continue
  [ -n "$left" ] || exit 0
done
cat "$folder/log" >&2
fail "the server has stopped"
