// Budgets and limits in each protocol, as the official libraries and the AI SDK tell them: their exceptions, their retries.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { ApiError, GoogleGenAI } from "@google/genai";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { startAlone, steer, user } from "./gateway.mjs";

let gateway;
before(async () => {
  gateway = await startAlone();
});
after(() => gateway?.stop());

const origin = () => new URL(gateway.url).origin;
const limited = (more) => gateway.key({ mode: "test", ...more });
const broke = { budget: { limit_usd: "0.0000001", window: "day" } };
const headersOf = (text) => (text ? steer(text).headers : {});

// Counts what a library really sends.
function counted() {
  const sent = [];
  const send = (url, options) => {
    sent.push(Date.now());
    return fetch(url, options);
  };
  return { sent, send };
}

// Each: its error, what it keeps of our code, and how it asks; `headers` are one call's own.
const openai = (key, text, more) =>
  new OpenAI({ baseURL: gateway.url, apiKey: key, defaultHeaders: headersOf(text), maxRetries: 2, ...more });
const CALLERS = {
  chat: {
    error: OpenAI.APIError,
    code: (error) => error.code,
    client: openai,
    plain: async (client, headers) => {
      const asked = client.chat.completions.create({ model: "gpt-4o", messages: user("Hello") }, { headers });
      const { data, response } = await asked.withResponse();
      return { text: data.choices[0].message.content, headers: response.headers };
    },
    stream: async (client) => {
      for await (const _ of await client.chat.completions.create({ model: "gpt-4o", messages: user("Hello"), stream: true }));
    },
  },
  responses: {
    error: OpenAI.APIError,
    code: (error) => error.code,
    client: openai,
    plain: async (client, headers) => {
      const asked = client.responses.create({ model: "gpt-4o", input: "Hello" }, { headers });
      const { data, response } = await asked.withResponse();
      return { text: data.output_text, headers: response.headers };
    },
    stream: async (client) => {
      for await (const _ of client.responses.stream({ model: "gpt-4o", input: "Hello" }));
    },
  },
  messages: {
    error: Anthropic.APIError,
    code: (error) => error.error.error.code,
    client: (key, text, more) =>
      new Anthropic({ baseURL: origin(), apiKey: key, defaultHeaders: headersOf(text), maxRetries: 2, ...more }),
    plain: async (client, headers) => {
      const ask = { model: "claude-haiku-4-5", max_tokens: 1000, messages: user("Hello") };
      const { data, response } = await client.messages.create(ask, { headers }).withResponse();
      return { text: data.content[0].text, headers: response.headers };
    },
    // Its requests have a cap: they are refused before they begin.
    stream: null,
  },
  google: {
    error: ApiError,
    code: (error) => JSON.parse(error.message).error.details.find((each) => each.reason).reason,
    client: (key, text) => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin(), headers: headersOf(text) } }),
    plain: async (client, headers) => {
      const config = { httpOptions: { headers } };
      const answer = await client.models.generateContent({ model: "gemini-2.5-flash", contents: "Hello", config });
      return { text: answer.text, headers: new Headers(answer.sdkHttpResponse.headers) };
    },
    stream: async (client) => {
      for await (const _ of await client.models.generateContentStream({ model: "gpt-4o", contents: "Hello" }));
    },
  },
};

for (const [name, caller] of Object.entries(CALLERS)) {
  test(`${name}: a used up budget`, async () => {
    const { sent, send } = counted();
    const client = caller.client(await limited(broke), "", { fetch: send });
    await assert.rejects(caller.plain(client), (error) => {
      assert.ok(error instanceof caller.error);
      assert.deepEqual([error.status, caller.code(error)], [402, "budget_exceeded"]);
      assert.match(error.message, /budget/);
      return true;
    });
    // Money does not come back by waiting. Google's library cannot be counted so.
    if (name !== "google") assert.equal(sent.length, 1);
  });

  test(`${name}: requests a minute`, async () => {
    const client = caller.client(await limited({ limits: { requests_per_minute: 1 } }), "", { maxRetries: 0 });
    const { headers } = await caller.plain(client);
    const limit = name === "messages" ? "anthropic-ratelimit-requests-limit" : "x-ratelimit-limit-requests";
    assert.equal(headers.get(limit), "1");
    await assert.rejects(caller.plain(client), (error) => {
      assert.ok(error instanceof caller.error);
      assert.deepEqual([error.status, caller.code(error)], [429, "rate_limit_exceeded"]);
      return true;
    });
  });

  test(`${name}: a stream that the budget ends`, { skip: !caller.stream && "its requests have a cap" }, async () => {
    const client = caller.client(await limited({ budget: { limit_usd: "0.012", window: "day" } }), "output-tokens=5000");
    await assert.rejects(caller.stream(client), (error) => /budget/.test(error.message));
  });

  test(`${name}: the same request twice`, async () => {
    const client = caller.client(gateway.testKey, "");
    const headers = { "Idempotency-Key": `twice-${name}` };
    const answers = [await caller.plain(client, headers), await caller.plain(client, headers)];
    assert.equal(answers[0].text, answers[1].text);
    assert.deepEqual(answers.map((answer) => answer.headers.get("x-tollgate-replayed")), [null, "true"]);
    assert.equal(answers[0].headers.get("x-request-id"), answers[1].headers.get("x-request-id"));
  });
}

for (const name of ["chat", "responses", "messages"])
  test(`${name}: the library waits as it is told, and gets in`, async () => {
    const key = await limited({ limits: { concurrency: 1 } });
    const other = await openai(key, "chunks=200;chunk-ms=20").chat.completions.create({ model: "gpt-4o", messages: user("Hello"), stream: true });
    await other[Symbol.asyncIterator]().next();
    setTimeout(() => other.controller.abort(), 400);
    const { sent, send } = counted();
    assert.ok((await CALLERS[name].plain(CALLERS[name].client(key, "", { fetch: send }))).text);
    assert.equal(sent.length, 2);
    assert.ok(sent[1] - sent[0] >= 990, `${sent[1] - sent[0]} ms`);
  });

const PROVIDERS = {
  chat: (options) => createOpenAI({ ...options, baseURL: gateway.url }).chat("gpt-4o"),
  responses: (options) => createOpenAI({ ...options, baseURL: gateway.url }).responses("gpt-4o"),
  anthropic: (options) => createAnthropic({ ...options, baseURL: gateway.url })("claude-haiku-4-5"),
  google: (options) => createGoogleGenerativeAI({ ...options, baseURL: `${origin()}/v1beta` })("gpt-4o"),
};

for (const [name, make] of Object.entries(PROVIDERS))
  test(`the AI SDK's ${name}: a used up budget, a stream that it ends`, async () => {
    const { sent, send } = counted();
    await assert.rejects(generateText({ model: make({ apiKey: await limited(broke), fetch: send }), prompt: "Hello" }), (error) => {
      assert.deepEqual([error.statusCode, error.isRetryable], [402, false]);
      assert.match(error.message, /budget/);
      assert.match(error.responseBody, /budget_exceeded/);
      return true;
    });
    assert.equal(sent.length, 1);
    if (name === "anthropic") return;
    const apiKey = await limited({ budget: { limit_usd: "0.012", window: "day" } });
    const errors = [];
    const model = make({ apiKey, headers: headersOf("output-tokens=5000") });
    const stream = streamText({ model, prompt: "Hello", maxRetries: 0, onError: ({ error }) => errors.push(error) });
    const parts = [];
    for await (const part of stream.fullStream) parts.push(part);
    assert.equal(errors.length, 1);
    assert.ok(!parts.some((part) => part.type === "finish" && part.finishReason === "stop"));
  });
