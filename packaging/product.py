"""What the packages are made from: Cargo.toml, product.toml and environment.toml, read once."""

import platform
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# The owner in Cargo.toml until there is one. GitHub allows no two hyphens in a row, so it is nobody's.
NO_OWNER = "owner--not-chosen"


def _toml(path):
    with open(path, "rb") as file:
        return tomllib.load(file)


@dataclass(frozen=True)
class Target:
    """One binary, and what each kind of package calls its platform."""

    triple: str
    npm: str
    wheel: str
    image: str | None = None
    brew: str | None = None

    @property
    def is_windows(self):
        return "windows" in self.triple

    @property
    def runs_here(self):
        """Whether this machine is of that system and CPU."""
        system, cpu = self.npm.split("-")
        names = {"x64": ("x86_64", "AMD64"), "arm64": ("aarch64", "arm64", "ARM64")}
        return sys.platform.startswith(system) and platform.machine() in names[cpu]

    def program(self, name):
        return name + ".exe" if self.is_windows else name


class Product:
    """Names, version, texts and variables, under the names that packages use."""

    def __init__(self):
        cargo = _toml(ROOT / "Cargo.toml")
        package, shared = cargo["package"], cargo["workspace"]["package"]
        own = _toml(HERE / "product.toml")
        self.name = package["name"]
        self.version = shared["version"]
        self.about = package["description"]
        # Some places have room for a hundred characters.
        self.short = self.about.split(":")[0]
        self.license = shared["license"]
        self.keywords = package["keywords"]
        self.repository = shared["repository"]
        self.owner = urlsplit(self.repository).path.split("/")[1]
        self.title, self.author, self.server_schema = own["title"], own["author"], own["server_schema"]
        self.mcp_name = f"io.github.{self.owner}/{self.name}"
        self.image = f"{own['registry']}/{self.owner.lower()}/{self.name}"
        self.targets = [Target(**target) for target in own["target"]]
        self.variables = _toml(HERE / "environment.toml")["variable"]

    @property
    def is_publishable(self):
        """Whether Cargo.toml names a real owner."""
        return self.owner != NO_OWNER

    @property
    def asked(self):
        """The variables that a host asks for when it installs the server."""
        return [variable for variable in self.variables if variable.get("ask")]

    def release_url(self, file):
        return f"{self.repository}/releases/download/v{self.version}/{file}"

    def archive(self, target):
        ending = "zip" if target.is_windows else "tar.gz"
        return f"{self.name}-{self.version}-{target.triple}.{ending}"

    def bundle(self, target):
        """The registry wants `mcp` in the URL of a bundle: its ending has it."""
        return f"{self.name}-{self.version}-{target.npm}.mcpb"
