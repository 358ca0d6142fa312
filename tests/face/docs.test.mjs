// The reference in a real browser: read, searched, tried.
import assert from "node:assert/strict";
import { test } from "node:test";
import { watched } from "./gateway.mjs";
import { XSS, accessible, chromium, fits, ours, outside, skip } from "./inside.mjs";

const house = ours();
const open = (page, path) => page.goto(`${house.origin}${path}`);

test("a route is tried with a test key, whole and streamed", { skip }, async () => {
  const { key } = await house.admin("POST", "/keys", { name: "of the reference", mode: "test" });
  await outside(house, async (page) => {
    await open(page, "/docs/api/createChatCompletion");
    // Samples ask this gateway, not the usual one.
    assert.ok((await page.locator("[data-sample=shell] code").textContent()).includes(house.origin));
    const answer = page.locator("[data-answer]");
    await page.getByLabel("Key").fill(key);
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("[data-status]", { hasText: /^200/ }).waitFor();
    assert.equal(JSON.parse(await answer.textContent()).object, "chat.completion");
    assert.match(await page.locator("[data-status]").textContent(), /\$0\.\d+/);

    await page.getByLabel("Body").fill(JSON.stringify({ model: "gpt-5-mini", stream: true, messages: [{ role: "user", content: XSS }] }));
    await page.getByRole("button", { name: "Send" }).click();
    await answer.filter({ hasText: "[DONE]" }).waitFor();
    // What a model says is text.
    assert.equal(await page.locator("img[src=x]").count(), 0);

    await page.getByLabel("Key").fill("sk-tg-test-wrong");
    await page.getByRole("button", { name: "Send" }).click();
    await page.locator("[data-status]", { hasText: /^401/ }).waitFor();
    assert.equal(JSON.parse(await answer.textContent()).error.code, "invalid_api_key");
    // It is nowhere but in its field.
    assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes("sk-tg"));
  }, { expected: ["401"] });
});

test("a language is chosen once for all pages", { skip }, async () => {
  await outside(house, async (page) => {
    await open(page, "/docs/api/createMessage");
    assert.equal(await page.locator("[data-sample]:visible").count(), 1);
    const languages = await page.getByLabel("Language").locator("option").allTextContents();
    assert.equal(languages.length, 15);
    for (const language of languages) {
      await page.getByLabel("Language").selectOption({ label: language });
      assert.match(await page.locator("[data-sample]:visible code").textContent(), /\/v1\/messages/, language);
    }
    await page.getByLabel("Language").selectOption({ label: "Ruby" });
    await open(page, "/docs/api/createEmbedding");
    assert.match(await page.locator("[data-sample]:visible code").textContent(), /Net::HTTP/);
  });
});

test("every page of the navigation opens, quietly", { skip }, async () => {
  await outside(house, async (page, seen) => {
    await open(page, "/docs");
    const links = await page.locator("nav a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.ok(links.length > 80, `${links.length}`);
    for (const link of links) {
      await open(page, link);
      assert.equal(await page.locator("nav [aria-current=page]").getAttribute("href"), link);
    }
    assert.deepEqual(seen.errors, []);
    await open(page, "/docs/models");
    await page.getByLabel("Filter").fill("claude-sonnet");
    const rows = await page.locator("#models tbody tr:visible").allTextContents();
    assert.ok(rows.length > 0 && rows.every((row) => row.includes("claude-sonnet")));
    await page.getByRole("button", { name: "Dark" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.reload();
    await page.getByRole("button", { name: "Light" }).waitFor();
  });
});

test("axe finds no serious fault on any kind of page, and a phone's width is enough", { skip }, async () => {
  const paths = ["/docs", "/docs/streaming", "/docs/errors", "/docs/videos", "/docs/sandbox", "/docs/models", "/docs/api/createChatCompletion", "/docs/api/createTranscription", "/docs/api/createVideo", "/docs/api/listKeys", "/docs/schemas/ChatCompletionRequest", "/docs/configuration"];
  for (const [colorScheme, viewport] of [["light", { width: 1280, height: 900 }], ["dark", { width: 1280, height: 900 }], ["light", { width: 390, height: 844 }]]) {
    const context = await chromium.newContext({ colorScheme, viewport, bypassCSP: true });
    const { page } = await watched(context, house.origin);
    for (const path of paths) {
      await open(page, path);
      // The same elements on a phone: there only the width is in question.
      if (viewport.width > 500) await accessible(page, `${path}, ${colorScheme}`);
      await fits(page, path);
    }
    if (viewport.width < 500) {
      await page.getByRole("button", { name: "Pages" }).click();
      await page.locator("nav").getByRole("link", { name: "Streaming" }).click();
      await page.getByRole("heading", { name: "Streaming", exact: true }).waitFor();
    }
    await context.close();
  }
});

test("the policy lets no script in, and the page is read without any", { skip }, async () => {
  await outside(house, async (page) => {
    await open(page, "/docs");
    const tried = await page.evaluate(async () => {
      try {
        document.createElement("div").innerHTML = "<b>x</b>";
        return "done";
      } catch {
        return "forbidden";
      }
    });
    assert.equal(tried, "forbidden");
  }, { expected: ["TrustedHTML", "Content Security Policy"] });
  await outside(house, async (page) => {
    await open(page, "/docs/api/createChatCompletion");
    await page.getByRole("heading", { name: "Create a chat completion" }).waitFor();
    assert.equal(await page.locator("[data-sample=shell]").isVisible(), true);
  }, { javaScriptEnabled: false });
});
