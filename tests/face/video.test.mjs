// Video tasks and webhooks in the console: made, watched, played, told of.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { signIn, watched } from "./gateway.mjs";
import { XSS, accessible, chromium, fits, inside, ours, skip } from "./inside.mjs";

const house = ours({ config: '[video]\ninternal_networks = ["127.0.0.0/8"]\n' });

/** Somebody who is told, and says 500 the first time. */
const told = [];
const receiver = createServer((request, answer) => {
  let body = "";
  request.on("data", (piece) => { body += piece; });
  request.on("end", () => {
    told.push({ headers: request.headers, body });
    answer.statusCode = told.length === 1 ? 500 : 204;
    answer.end();
  });
});
await new Promise((done) => receiver.listen(0, "127.0.0.1", done));
const address = `http://127.0.0.1:${receiver.address().port}/${encodeURIComponent(XSS)}`;
after(() => receiver.close());

const model = "kling-v2-6";
async function create(key, prompt, sim = "video-seconds=1") {
  const answer = await house.call(key, "/v1/videos", { model, prompt, seconds: "5" }, { "x-tollgate-sim": sim });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()).id;
}

async function until(what, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    const found = await what();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error("it never came");
}

/** That the film on the page is one: it has a length and a picture, and goes on. */
async function plays(page) {
  const film = page.locator("video").first();
  await film.waitFor();
  const shown = await film.evaluate(async (element) => {
    if (element.readyState < 2) await new Promise((done, failed) => {
      element.addEventListener("loadeddata", done);
      element.addEventListener("error", () => failed(new Error(element.error.message)));
      element.preload = "auto";
      element.load();
    });
    await element.play();
    await new Promise((done) => setTimeout(done, 400));
    element.pause();
    return { seconds: element.duration, width: element.videoWidth, at: element.currentTime };
  });
  assert.ok(shown.seconds > 1 && shown.width > 100 && shown.at > 0, JSON.stringify(shown));
}

test("a video from the playground to its task", { skip }, async () => {
  await inside(house, "/console/playground", async (page) => {
    await page.getByRole("button", { name: "Video", exact: true }).click();
    await page.getByLabel("Prompt").fill("A kite over the sea");
    await page.getByLabel("Model").fill(model);
    await page.getByLabel("Steer the sandbox").fill("video-seconds=4");
    await page.getByRole("button", { name: "Make it" }).click();
    // It is watched while it is made.
    await page.locator("progress").waitFor();
    await page.locator(".badge", { hasText: "in progress" }).waitFor();
    await page.locator(".badge", { hasText: "completed" }).waitFor({ timeout: 30_000 });
    await plays(page);
    await page.getByRole("link", { name: "task", exact: true }).click();
    await page.getByRole("heading", { name: "Video task", exact: true }).waitFor();
    await plays(page);
    await page.getByText("A kite over the sea").waitFor();
    const states = await page.getByRole("region", { name: "History" }).locator(".badge").allTextContents();
    assert.deepEqual([states[0], states.at(-1)], ["accepted", "succeeded"]);
    assert.ok(states.includes("running"));
    // Its file comes as one, in parts.
    const file = await page.locator("video").first().getAttribute("src");
    const part = await page.evaluate(async (url) => {
      const answer = await fetch(url, { headers: { range: "bytes=4-7" } });
      return [answer.status, answer.headers.get("content-type"), await answer.text()];
    }, file);
    assert.deepEqual(part, [206, "video/mp4", "ftyp"]);
    await page.getByRole("link", { name: /^req_/ }).click();
    await page.getByRole("heading", { name: "Request" }).waitFor();
  });
});

test("a video that fails says so, in the playground and in the list", { skip }, async () => {
  await inside(house, "/console/playground?make=video", async (page) => {
    await page.getByLabel("Prompt").fill("It will not be");
    await page.getByLabel("Model").fill(model);
    await page.getByLabel("Steer the sandbox").fill("video=failed;video-seconds=1");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.locator(".badge", { hasText: "failed" }).waitFor({ timeout: 30_000 });
    assert.equal(await page.locator("video").count(), 0);
    await page.getByLabel("Model").fill("no-such-model");
    await page.getByRole("button", { name: "Make it" }).click();
    await page.locator(".badge", { hasText: "refused" }).waitFor();
    await page.goto(`${house.origin}/console/tasks?state=failed`);
    await page.locator("tbody tr").first().waitFor();
    assert.equal(await page.locator("tbody tr").count(), 1);
    await page.getByLabel("Any state").selectOption("succeeded");
    await page.waitForURL(/state=succeeded/);
    await page.locator("tbody tr, .empty").first().waitFor();
    assert.equal(await page.locator("tbody .badge.bad").count(), 0);
    await page.getByLabel("Any state").selectOption("expired");
    await page.getByText("No task fits").waitFor();
  }, { expected: ["404"] });
});

test("a webhook from its making to its end, with hostile text in every place", { skip }, async () => {
  const key = (await house.admin("POST", "/keys", { name: "of webhooks", mode: "test" })).key;
  await inside(house, "/console/webhooks", async (page) => {
    await page.getByText("No webhooks yet").waitFor();
    await page.getByRole("button", { name: "Create webhook" }).first().click();
    await page.getByLabel("Address").fill("ftp://nowhere.example/");
    await page.locator("dialog").getByRole("button", { name: "Create webhook" }).click();
    await page.locator(".wrong", { hasText: /./ }).first().waitFor();
    await page.getByLabel("Address").fill(address);
    await page.locator("dialog").getByRole("button", { name: "Create webhook" }).click();
    const secret = await page.locator("[data-secret]").textContent();
    assert.match(secret, /^whsec_/);
    await page.getByRole("button", { name: "Done" }).click();
    await page.waitForURL(/\/console\/webhooks\/whk_/);
    assert.ok(!(await page.content()).includes(secret));

    const id = await create(key, XSS);
    await until(() => told.length >= 1);
    // What was refused waits for its next try; it can be told at once.
    await page.locator(".badge", { hasText: "waiting" }).first().waitFor({ timeout: 20_000 });
    await page.getByRole("button", { name: /^Replay video/ }).last().click();
    await until(() => told.length >= 3, 40);
    await page.locator(".badge", { hasText: "delivered" }).nth(1).waitFor({ timeout: 20_000 });
    assert.ok(told.every((one) => one.headers["webhook-signature"].startsWith("v1,")));

    await page.getByRole("button", { name: /^Details of video/ }).first().click();
    await page.locator("dialog").getByText(id).first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "New secret" }).click();
    await page.locator("dialog").getByRole("button", { name: "New secret" }).click();
    const second = await page.locator("[data-secret]").textContent();
    assert.ok(second !== secret && second.startsWith("whsec_"));
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("button", { name: "Switch off" }).click();
    await page.getByText(/It is off since/).waitFor();
    await page.getByRole("button", { name: "Switch on" }).click();
    await page.getByRole("button", { name: "Switch off" }).waitFor();

    // The prompt and the address are hostile: everywhere they are text.
    for (const path of [`/tasks/${id}`, "/tasks", "/webhooks", `/tasks?model=${encodeURIComponent(XSS)}`, "/audit"]) {
      await page.goto(`${house.origin}/console${path}`);
      await page.locator("h1").waitFor();
      await page.waitForTimeout(300);
      assert.equal(await page.evaluate(() => window.hacked), undefined, path);
      assert.equal(await page.locator("img[src=x]").count(), 0, path);
    }
    await page.goto(`${house.origin}/console/tasks/${id}`);
    await page.locator("dd", { hasText: "<script>" }).first().waitFor();

    await page.goto(`${house.origin}/console/webhooks`);
    await page.locator("tbody tr").first().click();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete webhook" }).click();
    await page.getByText("No webhooks yet").waitFor();
  }, { expected: ["400"] });
});

test("axe and a phone's width: tasks, webhooks, the playground's videos", { skip }, async () => {
  const key = (await house.admin("POST", "/keys", { name: "of axe", mode: "test" })).key;
  const hook = await house.admin("POST", "/webhooks", { url: address, events: ["video.completed"] });
  const id = await create(key, "A paper boat");
  await until(async () => (await house.admin("GET", `/tasks/${id}`)).state === "succeeded");
  const paths = ["/tasks", `/tasks/${id}`, "/webhooks", `/webhooks/${hook.id}`, "/playground?make=video"];
  for (const [colorScheme, viewport] of [["light", { width: 1280, height: 900 }], ["dark", { width: 1280, height: 900 }], ["light", { width: 390, height: 844 }]]) {
    const context = await chromium.newContext({ colorScheme, viewport, bypassCSP: true });
    const { page } = await watched(context, house.origin);
    await signIn(page, house.origin);
    for (const path of paths) {
      await page.goto(`${house.origin}/console${path}`);
      await page.locator("h1").waitFor();
      await page.waitForTimeout(300);
      await accessible(page, `${path}, ${colorScheme}`);
      await fits(page, path);
    }
    await page.goto(`${house.origin}/console/webhooks`);
    await page.getByRole("button", { name: "Create webhook" }).first().click();
    await accessible(page, "the dialog");
    await context.close();
  }
});
