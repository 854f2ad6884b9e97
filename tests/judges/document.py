#!/usr/bin/env python3
"""Makes of upstream's document one that a judge can use, and says where the wire differs from it.

usage: document.py UPSTREAM OUT [--lenient]

Routes get their prefix, because judges do not look at `servers`, and what is known to be wrong in the
document is mended below, each with its reason. Request bodies may hold no field that the document
does not name: that is for judging a client. With --lenient they may, and a null counts as absent,
because the service takes both from the clients that send them: that is for attacking a server.
"""
import copy
import json
import sys

METHODS = ("get", "post", "put", "patch", "delete")
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}

# Every operation may be answered like this; the document names a part of them for each.
COMMON = ("400", "401", "402", "403", "404", "405", "409", "412", "422", "429", "500", "501", "502", "504")


def follow(document, node):
    """The node itself, or what it refers to."""
    while isinstance(node, dict) and "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def inlined(document, node):
    if isinstance(node, dict):
        node = follow(document, node)
        return {key: inlined(document, value) for key, value in node.items()}
    if isinstance(node, list):
        return [inlined(document, value) for value in node]
    return copy.deepcopy(node)


def lenient(schema):
    """The schema of a request body, where a null counts as absent."""
    if isinstance(schema, list):
        return [lenient(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: lenient(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        named = schema["properties"].items()
        schema["properties"] = {name: {"anyOf": [one, {"type": "null"}]} for name, one in named}
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    return schema


def strict(schema):
    """The schema of a request body, without room for unknown fields and for what only answers hold."""
    if not isinstance(schema, dict):
        return schema
    if "allOf" in schema:
        merged = {"type": "object", "properties": {}}
        for part in reversed(schema["allOf"]):
            merged["properties"] |= part.get("properties", {})
        schema = merged
    for word in ("oneOf", "anyOf"):
        if word in schema:
            schema[word] = [strict(one) for one in schema[word]]
    if "properties" in schema:
        writable = {k: v for k, v in schema["properties"].items() if not v.get("readOnly")}
        schema["properties"] = {name: strict(one) for name, one in writable.items()}
        schema.setdefault("additionalProperties", False)
    elif isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = strict(schema["additionalProperties"])
    if "items" in schema:
        schema["items"] = strict(schema["items"])
    return schema


def mend(document):
    """Where upstream's own clients and the live service contradict the document."""
    schemas, paths = document["components"]["schemas"], document["paths"]

    def fields(name):
        return schemas[name]["properties"]

    # No client sends `all` unless it wants all.
    document["components"]["parameters"]["all"]["required"] = False
    # The official client sends and the service answers "" for no provider, and two groups of events.
    schemas["providerType"]["enum"].append("")
    fields("Webhook")["providerType"]["enum"].append("")
    groups = ["categoryTailnetManagement", "categoryDeviceMisconfigurations"]
    for owner in (schemas["subscriptions"], fields("Webhook")["subscriptions"]):
        owner["items"]["enum"] += groups
    # Fields for Google's storage exist; the destination is not in the list.
    fields("LogstreamEndpointConfiguration")["destinationType"]["enum"].append("gcs")
    # The official client knows two more providers.
    fields("PostureIntegration")["provider"]["enum"] += ["fleet", "huntress"]
    # The wire has IANA numbers for protocols, where the document lists names.
    fields("ConnectionCounts")["proto"] = {"type": "integer"}
    # Identifiers of invitations are texts on the wire.
    for name, keys in (("DeviceInvite", ("tailnetId", "deviceId", "sharerId")), ("UserInvite", ("tailnetId", "inviterId"))):
        for key in keys:
            fields(name)[key] = {"type": ["string", "integer"]}
    fields("DeviceInvite")["acceptedBy"]["properties"]["id"] = {"type": ["string", "integer"]}
    # The official client sends and reads these, and an earlier S3 external id.
    fields("VIPServiceInfo")["annotations"] = {"type": "object", "additionalProperties": {"type": "string"}}
    fields("VIPServiceInfo")["displayName"] = {"type": "string"}
    fields("LogstreamEndpointConfiguration")["s3ExternalId"].pop("readOnly", None)
    # A link is taken away with "".
    link = fields("TailnetSettings")["aclsExternalLink"]
    fields("TailnetSettings")["aclsExternalLink"] = {"anyOf": [link, {"const": ""}]}
    # A device of another tailnet has "" for its times; clients in Go send null for no list.
    for key in ("created", "lastSeen", "expires"):
        fields("Device")[key].pop("format", None)
    # An object is what everybody sends to validate, and the document's own example is broken JSON.
    body = paths["/tailnet/{tailnet}/acl/validate"]["post"]["requestBody"]["content"]
    body["application/json"]["schema"]["oneOf"].append({"type": "object"})
    # A test that makes no sense is one that fails, and that is told with 200.
    body["application/json"]["schema"]["oneOf"][0]["items"].pop("required")
    body["application/json"].pop("example", None)
    body["application/json"].pop("examples", None)
    # This parameter has the name `<field>=<value> filters`: any property, which no judge can check.
    devices = paths["/tailnet/{tailnet}/devices"]
    for owner in (devices, devices["get"]):
        owner["parameters"] = [it for it in owner.get("parameters", []) if "<field>" not in follow(document, it).get("name", "")]
    # The rules of OpenAPI say that a header parameter called Accept is to be ignored.
    for owner in [paths["/tailnet/{tailnet}/acl"]] + [paths["/tailnet/{tailnet}/acl"][m] for m in ("get", "post")]:
        owner["parameters"] = [it for it in owner.get("parameters", []) if follow(document, it).get("name") != "Accept"]
    # No invitations are a literal null.
    for path in ("/device/{deviceId}/device-invites", "/tailnet/{tailnet}/user-invites"):
        content = paths[path]["get"]["responses"]["200"]["content"]["application/json"]
        content["schema"] = {"oneOf": [content["schema"], {"type": "null"}]}
    # Errors of a policy carry what failed.
    fields("Error")["data"] = {"type": "array"}


def token_endpoints():
    """What the document leaves out: how to get an access token."""
    token = {
        "type": "object",
        "properties": {
            "access_token": {"type": "string"},
            "token_type": {"type": "string"},
            "expires_in": {"type": "integer"},
            "scope": {"type": "string"},
        },
        "required": ["access_token", "token_type"],
    }

    def operation(name, fields):
        form = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
        answers = {"200": {"description": "a token", "content": {"application/json": {"schema": token}}}}
        answers |= {code: {"description": "an error", "content": ERROR} for code in ("400", "401", "405", "429", "500")}
        body = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}}
        return {"post": {"operationId": name, "security": [], "requestBody": body, "responses": answers}}

    return {
        "/api/v2/oauth/token": operation("oauthToken", ("client_id", "client_secret", "grant_type", "scope", "tags")),
        "/api/v2/oauth/token-exchange": operation("oauthTokenExchange", ("client_id", "jwt", "scope", "grant_type")),
    }


def main(source, target, option=""):
    document = json.load(open(source, encoding="utf-8"))
    mend(document)
    paths = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            operation = item[method]
            for code in COMMON:
                operation["responses"].setdefault(code, {"description": "an error", "content": ERROR})
            body = operation.get("requestBody")
            if body is None:
                continue
            body = operation["requestBody"] = inlined(document, body)
            content = body["content"].get("application/json")
            if content and "/acl" not in path:
                content["schema"] = strict(content["schema"])
                if content["schema"].get("required") or content["schema"].get("type") == "array":
                    body["required"] = True
            if content and option == "--lenient":
                content["schema"] = lenient(content["schema"])
            if content and path == "/posture/integrations/{id}":
                # By the document's own words the provider is ignored here.
                content["schema"]["properties"]["provider"] = {"type": ["string", "null"]}
            if option == "--lenient" and "application/hujson" in body["content"]:
                # Whatever is written into a body is a text, so that none is of the wrong type.
                body["content"]["application/hujson"]["schema"] = {}
        paths["/api/v2" + path] = item
    document["paths"] = paths | token_endpoints()
    document["servers"] = [{"url": "http://127.0.0.1"}]
    # Both schemes are taken, and every official client uses basic.
    document["components"]["securitySchemes"]["basicAuth"] = {"type": "http", "scheme": "basic"}
    document["security"] = document.get("security", []) + [{"basicAuth": []}]
    json.dump(document, open(target, "w", encoding="utf-8"), indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
