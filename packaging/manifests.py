"""The manifests of every kind of package, as data. Nothing here reads or writes a file."""

INSTALL = "docs/install.md"
# Over stdio nothing listens, so there is nothing that the image's health check could ask.
DOCKER_FLAGS = ["-i", "--rm", "--no-healthcheck"]


def npm_platform(product, target):
    """`package.json` of one platform: only the binary, installed where `os` and `cpu` fit."""
    system, cpu = target.npm.split("-")
    return {
        **_npm(product, f"{product.name}-{target.npm}"),
        "description": f"The binary of {product.name} for {system} on {cpu}",
        "os": [system],
        "cpu": [cpu],
        "files": ["bin", "LICENSE-*"],
        "preferUnplugged": True,
    }


def npm_wrapper(product):
    """`package.json` that users install. It runs nothing when installed, and downloads nothing ever."""
    return {
        **_npm(product, product.name),
        "description": product.about,
        "mcpName": product.mcp_name,
        "keywords": product.keywords,
        "bin": {product.name: f"bin/{product.name}.js"},
        "files": ["bin", "LICENSE-*"],
        "engines": {"node": ">=18"},
        "optionalDependencies": {
            f"{product.name}-{target.npm}": product.version for target in product.targets
        },
    }


def _npm(product, name):
    return {
        "name": name,
        "version": product.version,
        "license": product.license,
        "author": product.author,
        "homepage": product.repository,
        "repository": {"type": "git", "url": f"git+{product.repository}.git"},
    }


def python_metadata(product, readme):
    """`METADATA` of a wheel. The registry finds the owner's proof in the text."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {product.name}",
        f"Version: {product.version}",
        f"Summary: {product.about}",
        f"Author: {product.author}",
        f"License-Expression: {product.license}",
        "License-File: LICENSE-APACHE",
        "License-File: LICENSE-MIT",
        f"Keywords: {','.join(product.keywords)}",
        "Requires-Python: >=3.8",
        f"Project-URL: Source, {product.repository}",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines) + f"\n\n<!-- mcp-name: {product.mcp_name} -->\n\n{readme}"


def python_wheel(target):
    """`WHEEL`. Any Python 3 installs it: it holds no Python."""
    tags = [f"Tag: py3-none-{platform}" for platform in target.wheel.split(".")]
    return "\n".join(["Wheel-Version: 1.0", "Generator: packaging/pack", "Root-Is-Purelib: false", *tags]) + "\n"


def bundle(product, target, tools):
    """`manifest.json` of an `.mcpb`. Each setting has a default: hosts leave `${…}` of one without as it is."""
    program = f"server/{target.program(product.name)}"
    env = {variable["name"]: f"${{user_config.{_key(variable)}}}" for variable in product.asked}
    return {
        "manifest_version": "0.3",
        "name": product.name,
        "display_name": product.title,
        "version": product.version,
        "description": product.short,
        "author": {"name": product.author},
        "repository": {"type": "git", "url": product.repository},
        "documentation": f"{product.repository}/blob/v{product.version}/{INSTALL}",
        "license": product.license,
        "keywords": product.keywords,
        "server": {
            "type": "binary",
            "entry_point": program,
            "mcp_config": {"command": f"${{__dirname}}/{program}", "args": [], "env": env},
        },
        "tools": tools,
        "tools_generated": True,
        "compatibility": {"platforms": [target.npm.split("-")[0]]},
        "user_config": {_key(variable): _setting(variable) for variable in product.asked},
    }


def _key(variable):
    return variable["name"].lower()


def _setting(variable):
    setting = {
        "type": "string",
        "title": variable["title"],
        "description": variable["about"],
        "required": False,
        "default": variable.get("default", ""),
    }
    return {**setting, "sensitive": True} if variable.get("secret") else setting


def server(product, bundles):
    """`server.json` of the MCP registry. `bundles` are pairs of a target and the SHA-256 of its `.mcpb`."""
    environment = [_input(variable) for variable in product.asked]
    common = {"transport": {"type": "stdio"}, "environmentVariables": environment}
    docker = [{"type": "named", "name": flag} for flag in DOCKER_FLAGS]
    packages = [
        {"registryType": "npm", "identifier": product.name, "version": product.version, "runtimeHint": "npx"},
        {"registryType": "pypi", "identifier": product.name, "version": product.version, "runtimeHint": "uvx"},
        {
            "registryType": "oci",
            "identifier": f"{product.image}:{product.version}",
            "runtimeHint": "docker",
            "runtimeArguments": docker,
        },
    ]
    packages += [
        {
            "registryType": "mcpb",
            "identifier": product.release_url(product.bundle(target)),
            "version": product.version,
            "fileSha256": digest,
        }
        for target, digest in bundles
    ]
    return {
        "$schema": product.server_schema,
        "name": product.mcp_name,
        "title": product.title,
        "description": product.short,
        "version": product.version,
        "repository": {"url": product.repository, "source": "github"},
        "websiteUrl": f"{product.repository}/blob/v{product.version}/{INSTALL}",
        "packages": [{**package, **common} for package in packages],
        "remotes": [_remote()],
    }


def _remote():
    """A server of one's own, which there are as many of as there are users of it."""
    return {
        "type": "streamable-http",
        "url": "https://{host}/mcp",
        "variables": {
            "host": {
                "description": "Name of the machine that runs `tailsteward serve --http`, such as mcp.example.ts.net",
                "isRequired": True,
            }
        },
        "headers": [
            {
                "name": "Authorization",
                "description": "Bearer and the token that `tailsteward token add` printed",
                "isSecret": True,
            }
        ],
    }


def _input(variable):
    entry = {"name": variable["name"], "description": variable["about"], "isRequired": False}
    if variable.get("secret"):
        entry["isSecret"] = True
    if "default" in variable:
        entry["default"] = variable["default"]
    if "choices" in variable:
        entry["choices"] = variable["choices"]
    return entry
