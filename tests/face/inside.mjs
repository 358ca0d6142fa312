// What the suites share: one gateway and one browser for a file of tests, and the page of somebody who is signed in.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { browser, gateway, signIn, watched } from "./gateway.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
/** Text that is dangerous wherever it is taken for markup. */
export const XSS = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}`;

export const chromium = await browser();
export const skip = chromium ? false : "there is no Chromium";

/** The gateway of this file's tests; `options` as `gateway` takes them. Its fields are there once the tests begin. */
export function ours(options) {
  const house = {};
  before(async () => { Object.assign(house, await gateway(options)); });
  after(async () => {
    await chromium?.close();
    await house.stop?.();
  });
  return house;
}

/** Runs with a page; nothing may go wrong in it, nothing hostile may run and nothing may leave the host. */
export async function outside(house, action, { expected = [], ...options } = {}) {
  const context = await chromium.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  try {
    const { page, seen } = await watched(context, house.origin);
    page.setDefaultTimeout(15_000);
    await action(page, seen, context);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.deepEqual(seen.errors.filter((error) => !expected.some((one) => error.includes(one))), []);
    assert.deepEqual(seen.foreign, []);
  } finally {
    await context.close();
  }
}

/** The same, signed in at a page of the console. */
export const inside = (house, path, action, options) => outside(house, async (page, seen, context) => {
  await signIn(page, house.origin, path);
  await action(page, seen, context);
}, options);

/** That axe finds nothing serious on the page as it is. Its context has to bypass the policy, for axe itself is a script. */
export async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate((runOnly) => window.axe.run(document, { runOnly }), RULES);
  const bad = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  assert.deepEqual(bad.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" | ")}`), [], name);
}

/** That a page is not wider than its window. */
export async function fits(page, name) {
  const [wide, there] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= there, `${name}: ${wide} of ${there}`);
}
