// Pictures of every page, light and dark, wide and narrow: `npm run screenshots`, or `node screenshots.mjs name …`.
// They go to target/screenshots.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { browser, gateway, signIn, watched } from "./gateway.mjs";
import { furnish } from "./furnish.mjs";

const folder = resolve(import.meta.dirname, "../../target/screenshots");
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
const only = process.argv.slice(2);

const house = await gateway({ config: (await furnish.config()) });
const things = await furnish(house);
const chromium = await browser();
if (!chromium) throw new Error("there is no Chromium");
await mkdir(folder, { recursive: true });

const PAGES = [
  ["sign-in", "/console", null],
  ["overview", "/console?book=test", null],
  ["overview-empty", "/console", null],
  ["keys", "/console/keys?status=all", null],
  ["key-create", "/console/keys", async (page) => {
    await page.getByRole("button", { name: "Create key" }).first().click();
    await page.locator("summary").first().click();
  }],
  ["key-secret", "/console/keys", async (page) => {
    await page.getByRole("button", { name: "Create key" }).first().click();
    await page.getByLabel("Name").fill("screenshots");
    await page.locator("dialog").getByRole("button", { name: "Create key" }).click();
    await page.locator("[data-secret]").waitFor();
  }],
  ["key", `/console/keys/${things.key}`, null],
  ["projects", "/console/projects", null],
  ["project", `/console/projects/${things.project}`, null],
  ["requests", "/console/requests", null],
  ["request", `/console/requests/${things.request}`, null],
  ["request-broken", `/console/requests/${things.broken}`, null],
  ["tasks", "/console/tasks", null],
  ["task", `/console/tasks/${things.task}`, async (page) => { await page.locator("video").evaluate((film) => { film.currentTime = 1; }); }],
  ["task-failed", `/console/tasks/${things.failed}`, null],
  ["webhooks", "/console/webhooks", null],
  ["webhook", `/console/webhooks/${things.webhook}`, null],
  ["webhook-create", "/console/webhooks", async (page) => { await page.getByRole("button", { name: "Create webhook" }).first().click(); }],
  ["playground-video", "/console/playground?make=video", async (page) => {
    await page.getByLabel("Prompt").fill("A paper boat on a quiet lake at dawn");
    await page.getByLabel("Model").fill("kling-v2-6");
    await page.getByLabel("Steer the sandbox").fill("video-seconds=1");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.locator("video").waitFor();
    await page.getByLabel("Steer the sandbox").fill("video-seconds=20");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.locator(".badge", { hasText: "in progress" }).waitFor();
  }],
  ["playground", "/console/playground", async (page) => {
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByLabel("Message").fill("What should I check when a stream of events stops in the middle?");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator(".figures a").nth(1).waitFor();
  }],
  ["providers", "/console/providers", async (page) => {
    await page.getByRole("button", { name: "Test" }).first().click();
    await page.locator(".note").first().waitFor();
  }],
  ["models", "/console/models", null],
  ["prices", "/console/prices", null],
  ["price", "/console/prices?q=gpt-5.4", async (page) => { await page.getByRole("button", { name: "All rates" }).first().click(); }],
  ["ledger", "/console/ledger?book=test", async (page) => {
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Everything adds up").waitFor();
  }],
  ["audit", "/console/audit", null],
  ["settings", "/console/settings", null],
  ["nowhere", "/console/keys/key_nothing", null],
  ["docs", "/docs", null],
  ["docs-operation", "/docs/api/createChatCompletion", null],
  ["docs-schema", "/docs/schemas/ChatCompletionRequest", null],
  ["docs-models", "/docs/models", null],
  ["docs-errors", "/docs/errors", null],
  ["docs-streaming", "/docs/streaming", null],
  ["docs-videos", "/docs/videos", null],
  ["docs-sdks", "/docs/sdks", null],
  ["docs-tried", "/docs/api/createChatCompletion", async (page) => {
    await page.getByLabel("Key").fill(things.secret);
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("[data-status]", { hasText: /^200/ }).waitFor();
    await page.locator("[data-answer]").scrollIntoViewIfNeeded();
  }],
];

for (const [size, viewport] of [["wide", WIDE], ["narrow", NARROW]]) {
  for (const colorScheme of ["light", "dark"]) {
    if (size === "narrow" && colorScheme === "dark") continue;
    const context = await chromium.newContext({ viewport, colorScheme, deviceScaleFactor: 1 });
    let signed = false;
    for (const [name, path, action] of PAGES) {
      if (only.length && !only.includes(name)) continue;
      const { page, seen } = await watched(context, house.origin);
      page.setDefaultTimeout(15_000);
      try {
        if (name === "sign-in") await page.goto(house.origin + path);
        else if (!signed && path.startsWith("/console")) { await signIn(page, house.origin, path); signed = true; }
        else await page.goto(house.origin + path);
        await page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => {});
        await action?.(page);
        await page.waitForTimeout(250);
      } catch (error) {
        console.error(`${name}: ${error.message.split("\n")[0]}`);
      }
      const file = join(folder, `${name}-${size === "wide" ? colorScheme : "narrow"}.png`);
      await page.screenshot({ path: file });
      if (seen.errors.length || seen.foreign.length) console.error(name, seen.errors, seen.foreign);
      await page.close();
    }
    await context.close();
  }
}
await chromium.close();
await house.stop();
console.log(`pictures are in ${folder}`);
