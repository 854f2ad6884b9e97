#!/usr/bin/env python3
"""Writes an OpenAPI document as a later edition of it may be: with new fields, enum values and
operations, and with every construct in tests/it/build/forms.json.

    .ci/later-edition.py openapi/tailscale.json later.json
    TAILSTEWARD_OPENAPI=later.json cargo check --lib --no-default-features

The second command has to succeed: no edition may cost the build.
"""

import json
import pathlib
import sys

FORMS = pathlib.Path(__file__).parent.parent / "tests/it/build/forms.json"


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


def grow(schema):
    """Adds a field to every object and a value to every enum."""
    if isinstance(schema, list):
        for it in schema:
            grow(it)
    if not isinstance(schema, dict):
        return
    for it in schema.values():
        grow(it)
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        schema["properties"]["laterField"] = {"type": ["array", "null"], "items": {"type": "string"}}
    if schema.get("type") == "string" and isinstance(schema.get("enum"), list):
        schema["enum"].append("later-value")


def read_and_written(name):
    """An operation that answers and takes the named schema."""
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {
        "get": {"responses": {"200": {"description": "", "content": body}}},
        "put": {"requestBody": {"content": body}, "responses": {"200": {"description": ""}}},
    }


def main(source, target):
    document = json.loads(pathlib.Path(source).read_text(encoding="utf-8-sig"))
    grow(document)
    for form in json.loads(FORMS.read_text(encoding="utf-8")):
        named = form.get("schemas", {})
        more = {
            **form.get("root", {}),
            "paths": {**form.get("paths", {}), **{f"/later/{it}": read_and_written(it) for it in named}},
            "components": {**form.get("components", {}), **({"schemas": named} if named else {})},
        }
        merge(document, more)
    pathlib.Path(target).write_text(json.dumps(document, indent=1), encoding="utf-8")


main(*sys.argv[1:])
