"""Teaches schemathesis the media type of policy files."""
import json

import schemathesis


@schemathesis.serializer("application/hujson")
def to_hujson(context, value):
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.deserializer("application/hujson")
def from_hujson(context, response):
    return response.content.decode()
