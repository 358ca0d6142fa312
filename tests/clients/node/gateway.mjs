// A real gateway for the tests: `tollgate serve` on a free port, a fresh data dir, and aimock as its provider.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const clients = resolve(import.meta.dirname, "..");
const program = process.env.TOLLGATE ?? resolve(clients, "../../target/debug/tollgate");
const adminKey = "tg-admin-for-the-client-tests";

// The first line of a process that `wanted` takes something from.
async function firstLine(child, wanted) {
  for await (const line of createInterface({ input: child.stdout })) {
    const found = wanted(line);
    if (found) {
      child.stdout.resume();
      return found;
    }
  }
  throw new Error(`${child.spawnfile} did not start`);
}

// A gateway with this configuration; `stop` ends it and checks that it ends well, then `others`.
async function serve(config, others) {
  const folder = await mkdtemp(join(tmpdir(), "tollgate-clients-"));
  await writeFile(join(folder, "tollgate.toml"), config);
  const child = spawn(
    program,
    ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--config", "tollgate.toml"],
    { cwd: folder, env: { PATH: process.env.PATH, TOLLGATE_ADMIN_KEY: adminKey }, stdio: ["ignore", "pipe", "ignore"] },
  );
  const url = await firstLine(child, (line) => line.startsWith("API:") && line.split(/\s+/)[1]);

  // A new key's secret.
  async function key(more) {
    const answer = await fetch(new URL("/admin/v1/keys", url), {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}` },
      body: JSON.stringify({ name: "client tests", ...more }),
    });
    return (await answer.json()).key;
  }

  async function stop() {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await ended;
    others();
    await rm(folder, { recursive: true });
    if (code !== 0) throw new Error(`the gateway ended with ${code}`);
  }

  return { url, testKey: await key({ mode: "test" }), liveKey: await key({ mode: "live" }), key, stop };
}

// A gateway with aimock as its provider.
export async function start() {
  const mock = spawn(process.execPath, ["mock/aimock.mjs"], { cwd: clients, stdio: ["pipe", "pipe", "inherit"] });
  const upstream = await firstLine(mock, (line) => line.startsWith("http") && line.trim());
  const account = (path) => `base_url = "${upstream}${path}"\ncredentials = [{ api_key = "a-key-for-aimock" }]\n`;
  const config = [
    `[video]\nfirst_poll = "100ms"\n`,
    `[providers.openai]\n${account("/v1")}`,
    `[providers.limited]\nkind = "openai-compatible"\n${account("/v1")}`,
    `[providers.gemini]\n${account("")}`,
    `[providers.ark]\n${account("/api/v3")}`,
  ];
  return serve(config.join("\n"), () => mock.stdin.end());
}

const MODELS = {
  openai: "gpt-5-mini",
  "openai-responses": "gpt-5-pro",
  anthropic: "claude-haiku-4-5",
  gemini: "gemini-2.5-flash",
  deepseek: "deepseek-flash",
};

// A model `VENDOR-ok` of each is there with `startCross`.
export const VENDORS = Object.keys(MODELS);

// A gateway with a provider of each kind, all at one `tollgate sim`; what steers the simulator is passed on.
export async function startCross() {
  const sim = spawn(program, ["sim", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const upstream = await firstLine(sim, (line) => line.match(/http:\/\/[\d.:]+/)?.[0]);
  const tables = Object.entries(MODELS).map(
    ([vendor, model]) =>
      `[providers.${vendor}]\nkind = "${vendor.split("-")[0]}"\nbase_url = "${upstream}"\n` +
      `forward_headers = ["x-tollgate-sim"]\ncredentials = [{ api_key = "sk-upstream-${vendor}" }]\n` +
      `[models."${vendor}-ok"]\ntargets = [{ provider = "${vendor}", model = "${model}" }]\n`,
  );
  return serve(tables.join("\n"), () => sim.kill("SIGTERM"));
}

// A gateway that has its sandbox and nothing else.
export const startAlone = () => serve("", () => {});

export const user = (content) => [{ role: "user", content }];

// Options of a call that steer the sandbox.
export const steer = (text) => ({ headers: { "x-tollgate-sim": text } });
