"""The Python SDK, version 1 or 2, in each era it speaks: lists, calls, confirms, declines, cancels
the question, plans where nobody can be asked, and cancels a call that runs.

    python3 python.py PROGRAM URL TOKEN
"""

import contextlib
import json
import os
import sys
import time
from importlib.metadata import version

import anyio
from mcp import StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

PROGRAM, URL, TOKEN = sys.argv[1:]
SDK = int(version("mcp").split(".")[0])


@contextlib.asynccontextmanager
async def streams(transport):
    if transport == "stdio":
        server = StdioServerParameters(command=PROGRAM, args=[], env=dict(os.environ))
        async with stdio_client(server) as both:
            yield both
    else:
        headers = {"authorization": f"Bearer {TOKEN}"}
        async with create_mcp_http_client(headers=headers) as http:
            async with streamable_http_client(URL, http_client=http) as all:
                yield all[:2]


@contextlib.asynccontextmanager
async def connected(transport, era, answer):
    """A client whose user gives `answer`; nobody is asked without one."""
    asked = []

    async def elicit(_, params):
        asked.append(params.message)
        content = {"confirm": True} if answer == "accept" else None
        return types.ElicitResult(action=answer, content=content)

    callback = elicit if answer else None
    if SDK == 1:
        from mcp import ClientSession

        async with streams(transport) as (reader, writer):
            async with ClientSession(reader, writer, elicitation_callback=callback) as client:
                await client.initialize()
                yield client, asked
    else:
        from mcp import Client

        async with Client(streams(transport), mode=era, elicitation_callback=callback) as client:
            yield client, asked


async def call(client, name, **arguments):
    result = await client.call_tool(name, arguments)
    failed = result.isError if SDK == 1 else result.is_error
    return json.loads(result.content[0].text), failed


async def names(client):
    """Desktops: nothing depends on them."""
    page, _ = await call(client, "list_devices", os="windows", limit=100)
    return [device["name"] for device in page["devices"]]


async def scenario(transport, era):
    async with connected(transport, era, "accept") as (client, asked):
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"list_devices", "revoke_device"} <= tools, tools
        devices = await names(client)
        # The server over HTTP may still hold a list with what was removed over stdio, so each takes
        # from another end.
        if transport == "http":
            devices.reverse()
        removed, failed = await call(client, "revoke_device", device=devices[0], how="remove")
        assert not failed and removed["applied"], removed
        assert devices[0] in asked[0], asked
        assert devices[0] not in await names(client)

        began = time.monotonic()
        with anyio.move_on_after(0.5) as scope:
            await call(client, "get_device_attributes", device=devices[1])
        assert scope.cancelled_caught and time.monotonic() - began < 6
        assert devices[1] in await names(client)

    for answer in ("decline", "cancel"):
        async with connected(transport, era, answer) as (client, _):
            kept, failed = await call(client, "revoke_device", device=devices[1], how="remove")
            assert failed and kept["kind"] == "refused", kept
            assert devices[1] in await names(client)

    async with connected(transport, era, None) as (client, _):
        arguments = {"device": devices[1], "how": "remove"}
        plan, failed = await call(client, "revoke_device", **arguments)
        assert not failed and plan["plan"]["applied"] is False, plan
        assert devices[1] in await names(client)
        arguments["plan_id"] = plan["plan_id"]
        done, failed = await call(client, "revoke_device", **arguments)
        assert not failed and done["applied"], done
        assert devices[1] not in await names(client)
    print(f"Python SDK {SDK}, {transport}, {era}: lists, calls, confirms, declines, cancels, plans")


for transport in ("stdio", "http"):
    for era in ["legacy"] if SDK == 1 else ["legacy", "auto", "2026-07-28"]:
        anyio.run(scenario, transport, era)
