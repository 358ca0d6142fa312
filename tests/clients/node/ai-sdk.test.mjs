// The AI SDK with its provider for compatible servers: it reads streams more strictly than the vendor's library.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { start } from "./gateway.mjs";

let gateway;
before(async () => {
  gateway = await start();
});
after(() => gateway.stop());

function provider(more = {}) {
  return createOpenAICompatible({
    name: "tollgate",
    baseURL: gateway.url,
    apiKey: gateway.testKey,
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...more,
  });
}

const model = (live = false) => provider(live ? { apiKey: gateway.liveKey } : {})("gpt-5-mini");
const steer = (text) => ({ headers: { "x-tollgate-sim": text }, maxRetries: 0 });

for (const live of [false, true]) {
  const where = live ? "aimock" : "the sandbox";

  test(`generateText on ${where}`, async () => {
    const { text, finishReason, usage } = await generateText({ model: model(live), prompt: "hello" });
    assert.ok(text);
    if (live) assert.equal(text, "Hi there from aimock!");
    assert.equal(finishReason, "stop");
    assert.ok(usage.totalTokens > 0);
  });

  test(`streamText on ${where}`, async () => {
    const errors = [];
    const onError = ({ error }) => errors.push(error);
    const result = streamText({ model: model(live), prompt: "many words", onError });
    const pieces = [];
    for await (const piece of result.textStream) pieces.push(piece);
    assert.deepEqual(errors, []);
    assert.ok(pieces.length > 2);
    assert.equal(await result.finishReason, "stop");
    assert.ok((await result.usage).outputTokens > 0);
    assert.equal(pieces.join(""), (await generateText({ model: model(live), prompt: "many words" })).text);
  });
}

test("a tool is called and its result taken", async () => {
  // The sandbox calls when told, so only the first of the two requests carries the header.
  let first = true;
  const once = (url, options) => {
    if (first) options.headers["x-tollgate-sim"] = "tool-call=get_weather";
    first = false;
    return fetch(url, options);
  };
  const asked = [];
  const { text, steps } = await generateText({
    model: provider({ fetch: once })("gpt-5-mini"),
    prompt: "What is the weather in Paris?",
    tools: {
      get_weather: tool({
        inputSchema: z.object({ city: z.string() }),
        execute: async (input) => {
          asked.push(input);
          return { degrees: 21 };
        },
      }),
    },
    stopWhen: stepCountIs(3),
  });
  assert.equal(steps.length, 2);
  assert.equal(typeof asked[0].city, "string");
  assert.ok(text);
});

test("generateObject", async () => {
  const schema = z.object({ name: z.string(), age: z.number().int(), tags: z.array(z.string()) });
  const { object } = await generateObject({ model: model(), schema, prompt: "Make up a person." });
  assert.ok(schema.parse(object));
});

test("embedMany", async () => {
  const { embeddings } = await embedMany({
    model: provider().textEmbeddingModel("text-embedding-3-small"),
    values: ["one", "two"],
  });
  assert.deepEqual(embeddings.map((row) => row.length), [1536, 1536]);
});

test("an error keeps its status", async () => {
  const ask = { model: model(), prompt: "hello", ...steer("status=429") };
  await assert.rejects(generateText(ask), (error) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 429);
    assert.equal(error.isRetryable, true);
    return true;
  });
});

for (const fault of ["error-after=4", "cut-after=5"]) {
  test(`a stream with ${fault} does not end well`, async () => {
    const errors = [];
    const result = streamText({
      model: model(),
      prompt: "hello",
      onError: ({ error }) => errors.push(error),
      ...steer(`chunks=20;${fault}`),
    });
    const parts = [];
    for await (const part of result.fullStream) parts.push(part);
    assert.ok(parts.some((part) => part.type === "error"));
    assert.equal(errors.length, 1);
    assert.ok(!parts.some((part) => part.type === "finish" && part.finishReason === "stop"));
  });
}
