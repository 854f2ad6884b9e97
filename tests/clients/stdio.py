"""Lists and calls every tool that only reads with the official Python SDK, over stdio.

    python3 stdio.py PATH/TO/tailscale-mcp
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

ARGUMENTS = {
    "list_devices": {"online": True, "limit": 3},
    "get_device_details": {"device": "web-01"},
    "get_device_status": {"device": "web-01"},
    "get_device_logs": {"device": "web-01", "since": "1h", "flows": True},
    "get_device_attributes": {"device": "web-01"},
}


def answer(result):
    return json.loads(result.content[0].text)


async def main(program):
    server = StdioServerParameters(command=program, args=["--sandbox"])
    async with stdio_client(server) as (reader, writer), ClientSession(reader, writer) as session:
        await session.initialize()
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert len(tools) == 13, sorted(tools)
        readers = {name for name, tool in tools.items() if tool.annotations.read_only_hint}
        assert readers == set(ARGUMENTS), readers
        for name, arguments in ARGUMENTS.items():
            result = await session.call_tool(name, arguments)
            assert not result.is_error, (name, result)
            print(f"{name}: {len(result.content[0].text)} bytes")
        change = {"device": "web-01", "name": "front door"}
        done = answer(await session.call_tool("update_device", change))
        assert done["changes"][0]["after"] == "front-door", done
        failed = await session.call_tool("get_device_status", {"device": "web-01"})
        assert failed.is_error and answer(failed)["kind"] == "not_found", failed
    print("the Python SDK lists and calls the tools")


asyncio.run(main(sys.argv[1]))
