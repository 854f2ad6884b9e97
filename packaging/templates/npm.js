#!/usr/bin/env node
// Starts the program, which is in the package of this platform. npm has installed that by `os` and `cpu`; nothing is
// downloaded here.
"use strict";

const { spawn } = require("node:child_process");

const platform = `${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "tailsteward.exe" : "tailsteward";

let program;
try {
  program = require.resolve(`tailsteward-${platform}/bin/${file}`);
} catch {
  console.error(
    `tailsteward: the package tailsteward-${platform} is not installed. If npm leaves out optional dependencies, ` +
      "install again with --include=optional; otherwise there is no package for this platform, and " +
      "`cargo install tailsteward` builds the program.",
  );
  process.exit(1);
}

const child = spawn(program, process.argv.slice(2), { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`tailsteward: cannot start ${program}: ${error.message}`);
  process.exit(1);
});
// A terminal sends Ctrl-C to both; what a host sends to this process only is passed on.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else {
    process.exit(code);
  }
});
