// Video through official libraries: OpenAI's, google-genai in both of its forms, the AI SDK's video models of Google and
// ByteDance. Models in the sandbox, and Veo and Seedance at aimock.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { createByteDance } from "@ai-sdk/bytedance";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { GoogleGenAI } from "@google/genai";
import { experimental_generateVideo as generateVideo } from "ai";
import OpenAI, { toFile } from "openai";
import { start, steer } from "./gateway.mjs";

const prompt = "A calico cat playing a piano on stage";
const soon = "video-seconds=0";
const veo = "veo-3.1-generate-preview";
const seedance = "doubao-seedance-1-0-pro-250528";

let gateway;
let folder;
before(async () => {
  gateway = await start();
  folder = await mkdtemp(join(tmpdir(), "tollgate-video-"));
});
after(async () => {
  await rm(folder, { recursive: true });
  await gateway.stop();
});

const origin = () => new URL(gateway.url).origin;
const isMp4 = (bytes) => Buffer.from(bytes).subarray(4, 8).toString() === "ftyp";

// A grey PNG.
function picture(width, height) {
  const part = (kind, data) => {
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    const said = Buffer.concat([Buffer.from(kind), data]);
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(said));
    return Buffer.concat([length, said, sum]);
  };
  const head = Buffer.from([0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255, 8, 0, 0, 0, 0]);
  const rows = Buffer.alloc((width + 1) * height, 0x80);
  for (let row = 0; row < height; row++) rows[row * (width + 1)] = 0;
  const parts = [part("IHDR", head), part("IDAT", deflateSync(rows)), part("IEND", Buffer.alloc(0))];
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// What `look` gives once it gives something.
async function until(look) {
  for (const end = Date.now() + 30_000; Date.now() < end; await pause(50)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error("it did not end");
}

// OpenAI

// Its Node library has no helper that waits.
const openai = (live = false) =>
  new OpenAI({ baseURL: gateway.url, apiKey: live ? gateway.liveKey : gateway.testKey, maxRetries: 0 });
const ended = (client, { id }) =>
  until(async () => {
    const video = await client.videos.retrieve(id);
    return ["completed", "failed"].includes(video.status) && video;
  });

for (const [model, seconds, size] of [
  ["sora-2", "8", "1280x720"],
  ["kling-v2-6", "5", "1280x720"],
  [seedance, "5", "1280x720"],
  ["veo-3.1-generate-001", "8", "1280x720"],
  [veo, "4", "720x1280"],
]) {
  test(`OpenAI's videos: ${model}`, async () => {
    const client = openai();
    const made = await client.videos.create({ model, prompt, seconds, size }, steer(soon));
    assert.equal(made.status, "queued");
    const video = await ended(client, made);
    assert.deepEqual([video.status, video.progress, video.error], ["completed", 100, null]);
    assert.deepEqual([video.model, video.seconds, video.size, video.prompt], [model, seconds, size, prompt]);
    const content = await client.videos.downloadContent(video.id);
    assert.equal(content.headers.get("content-type"), "video/mp4");
    assert.ok(isMp4(await content.arrayBuffer()));
    const failed = await client.videos.create({ model, prompt, seconds, size }, steer("video=failed;video-seconds=0"));
    const { status, error } = await ended(client, failed);
    assert.equal(status, "failed");
    assert.ok(error.code && error.message);
  });
}

test("OpenAI's videos: variants, remix, lists, deletion", async () => {
  const client = openai();
  const video = await ended(client, await client.videos.create({ model: "sora-2", prompt }, steer(soon)));
  const thumbnail = await client.videos.downloadContent(video.id, { variant: "thumbnail" });
  assert.equal(thumbnail.headers.get("content-type"), "image/webp");
  const remix = await client.videos.remix(video.id, { prompt: "The cat wears a hat" }, steer(soon));
  assert.equal(remix.remixed_from_video_id, video.id);
  assert.equal((await ended(client, remix)).status, "completed");
  const listed = [];
  for await (const each of client.videos.list({ limit: 2 })) listed.push(each.id);
  assert.deepEqual(listed.slice(0, 2), [remix.id, video.id]);
  assert.equal(new Set(listed).size, listed.length);
  assert.deepEqual(await client.videos.delete(video.id), { id: video.id, object: "video.deleted", deleted: true });
  await assert.rejects(client.videos.retrieve(video.id), OpenAI.NotFoundError);
});

test("OpenAI's videos: a picture to begin with, and refusals", async () => {
  const client = openai();
  const frame = await toFile(picture(720, 1280), "frame.png", { type: "image/png" });
  const video = await client.videos.create({ model: "sora-2", prompt, input_reference: frame }, steer(soon));
  assert.equal((await ended(client, video)).status, "completed");
  const wrong = await toFile(Buffer.from("no picture"), "frame.png", { type: "image/png" });
  for (const [more, param] of [
    [{ input_reference: wrong }, "input_reference"],
    [{ seconds: "7" }, "seconds"],
    [{ size: "1x1" }, "size"],
  ])
    await assert.rejects(client.videos.create({ model: "sora-2", prompt, ...more }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, param);
      return true;
    });
});

for (const model of [veo, seedance])
  test(`OpenAI's videos: ${model} at aimock`, async () => {
    const client = openai(true);
    const video = await ended(client, await client.videos.create({ model, prompt: "a kite", size: "1280x720" }));
    assert.equal(video.status, "completed");
    assert.ok(isMp4(await (await client.videos.downloadContent(video.id)).arrayBuffer()));
    const failed = await ended(client, await client.videos.create({ model, prompt: "a wreck", size: "1280x720" }));
    assert.equal(failed.status, "failed");
    assert.ok(failed.error.message);
  });

// google-genai

const httpOptions = () => ({ baseUrl: origin(), headers: steer(soon).headers });
const genai = {
  gemini: (key) => new GoogleGenAI({ apiKey: key, httpOptions: httpOptions() }),
  // What a program on Google's platform has; the key stands where its access token would.
  vertex: (key) =>
    new GoogleGenAI({
      vertexai: true,
      project: "a-project",
      location: "us-central1",
      googleAuthOptions: { authClient: { getRequestHeaders: async () => new Headers({ authorization: `Bearer ${key}` }) } },
      httpOptions: httpOptions(),
    }),
};

async function generate(client, model, prompt, more = {}) {
  const config = { numberOfVideos: 1, durationSeconds: 4, ...more };
  let operation = await client.models.generateVideos({ model, source: { prompt }, config });
  return until(async () => {
    operation = await client.operations.getVideosOperation({ operation });
    return operation.done && operation;
  });
}

for (const [form, model] of [["gemini", veo], ["vertex", "veo-3.1-generate-001"]])
  test(`google-genai's ${form} form`, async () => {
    const client = genai[form](gateway.testKey);
    const { response, error } = await generate(client, model, prompt, { numberOfVideos: 2, aspectRatio: "9:16" });
    assert.equal(error, undefined);
    assert.equal(response.generatedVideos.length, 2);
    for (const { video } of response.generatedVideos) {
      if (form === "vertex") {
        assert.ok(isMp4(Buffer.from(video.videoBytes, "base64")));
        continue;
      }
      // The library takes a link only with https: without TLS the file's name says the same.
      const downloadPath = join(folder, "clip.mp4");
      await client.files.download({ file: video.uri.match(/files\/\w+/)[0], downloadPath });
      assert.ok(isMp4(await readFile(downloadPath)));
    }
    await assert.rejects(generate(client, "no-such-model", prompt), (error) => error.status === 404);
    await assert.rejects(generate(client, model, prompt, { aspectRatio: "3:1" }), (error) => error.status === 400);
  });

test("google-genai at aimock", async () => {
  const client = genai.gemini(gateway.liveKey);
  const { response } = await generate(client, veo, "a kite");
  const downloadPath = join(folder, "kite.mp4");
  await client.files.download({ file: response.generatedVideos[0].video.uri.match(/files\/\w+/)[0], downloadPath });
  assert.match(await readFile(downloadPath, "latin1"), /a clip that nobody can play$/);
  const failed = await generate(client, veo, "a wreck");
  assert.ok(failed.error.message);
});

// The AI SDK

const providers = {
  google: [veo, (options) => createGoogleGenerativeAI({ ...options, baseURL: `${origin()}/v1beta` }), { duration: 4 }],
  bytedance: [seedance, (options) => createByteDance({ ...options, baseURL: `${origin()}/api/v3` }), { duration: 5 }],
};
// Its own download keeps away from addresses of this machine.
async function download({ url }) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return { data: new Uint8Array(await answer.arrayBuffer()), mediaType: answer.headers.get("content-type") };
}

for (const [name, [model, make, more]] of Object.entries(providers)) {
  const ask = (live, prompt, headers = steer(soon).headers) =>
    generateVideo({
      model: make({ apiKey: live ? gateway.liveKey : gateway.testKey, headers }).video(model),
      prompt,
      aspectRatio: "16:9",
      resolution: "1280x720",
      ...more,
      maxRetries: 0,
      download,
      providerOptions: { [name]: { pollIntervalMs: 50 } },
    });

  test(`the AI SDK's ${name}`, async () => {
    const { video, warnings } = await ask(false, prompt);
    assert.deepEqual(warnings, []);
    assert.equal(video.mediaType, "video/mp4");
    assert.ok(isMp4(video.uint8Array));
    for (const how of ["failed", "filtered"])
      await assert.rejects(ask(false, prompt, steer(`video=${how};video-seconds=0`).headers));
    await assert.rejects(ask(false, prompt, steer("status=429;retry-after=1").headers), (error) => error.statusCode === 429);
  });

  test(`the AI SDK's ${name} at aimock`, async () => {
    const { video } = await ask(true, "a kite");
    assert.match(Buffer.from(video.uint8Array).toString("latin1"), /a clip that nobody can play$/);
    await assert.rejects(ask(true, "a wreck"));
  });
}
