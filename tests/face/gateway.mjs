// A real gateway and a real browser for the tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = resolve(import.meta.dirname, "../..");
const program = process.env.TOLLGATE ?? join(root, "target/debug/tollgate");
const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const ADMIN_KEY = "tg-admin-for-the-face-tests-0123";

/** Starts `tollgate serve` on a free port with this configuration; `stop` ends it and checks that it ends well. */
export async function gateway({ config = "", env = {} } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "tollgate-face-"));
  await writeFile(join(folder, "tollgate.toml"), config);
  const child = spawn(program, ["serve", "--listen", "127.0.0.1:0", "--data-dir", "data", "--config", "tollgate.toml"], {
    cwd: folder, env: { PATH: process.env.PATH, TOLLGATE_ADMIN_KEY: ADMIN_KEY, ...env }, stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (data) => { log += data; });
  const urls = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name, url] = /^(\w+): +(http\S+)/.exec(line) ?? [];
    if (name) urls[name.toLowerCase()] = url;
    if (name === "Metrics") break;
  }
  child.stdout.resume();
  if (!urls.metrics) throw new Error(`the gateway did not start: ${log}`);
  const api = urls.api.replace(/\/v1$/, "");
  const origin = new URL(urls.console).origin;

  async function admin(method, path, body) {
    const answer = await fetch(`${origin}/admin/v1${path}`, {
      method, headers: { authorization: `Bearer ${ADMIN_KEY}` }, body: body && JSON.stringify(body),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
    return json;
  }

  /** A request of the data plane. */
  const call = (key, path, body, headers = {}) =>
    fetch(`${api}${path}`, { method: "POST", headers: { authorization: `Bearer ${key}`, ...headers }, body: JSON.stringify(body) });

  async function stop() {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const [code] = await ended;
    await rm(folder, { recursive: true });
    if (code !== 0) throw new Error(`the gateway ended with ${code}: ${log.slice(-2000)}`);
  }
  return { origin, api, folder, admin, call, stop, log: () => log };
}

/** A browser, or null where there is none. */
export async function browser() {
  const path = process.env.CHROMIUM ?? BROWSERS.find((one) => existsSync(one));
  if (!path) return null;
  return chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page that notes what goes wrong: errors, messages of the console, requests that leave the host. */
export async function watched(context, origin) {
  const page = await context.newPage();
  const seen = { errors: [], foreign: [], requests: [] };
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") seen.errors.push(message.text()); });
  page.on("dialog", (dialog) => { seen.errors.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    seen.requests.push(url);
    if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:")) seen.foreign.push(url);
  });
  return { page, seen };
}

export async function signIn(page, origin, path = "/console") {
  await page.goto(origin + path);
  await page.getByLabel("Admin key").fill(ADMIN_KEY);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("nav[aria-label=Console]").waitFor({ state: "attached" });
}
