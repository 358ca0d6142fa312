// The official libraries of all vendors and the AI SDK with its vendors' providers, against the sandbox and against a model
// of each vendor at one `tollgate sim`. What Python's tests ask in depth, these ask once more of other parsers.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { GoogleGenAI } from "@google/genai";
import { generateText, Output, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { z } from "zod";
import { startCross, VENDORS } from "./gateway.mjs";

let gateway;
before(async () => {
  gateway = await startCross();
});
after(() => gateway?.stop());

const LOOP = "tool-call=get_weather;tool-calls=2;tool-rounds=1;reasoning-tokens=20;output-tokens=30";
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = { name: "get_weather", description: "Current weather", parameters };
const result = { degrees: 21 };

// Reasoning without an effort is what the simulator knows a chat request of DeepSeek's by, unless it is told.
const DIALECTS = { deepseek: "deepseek", openai: "openai" };
const told = (steer, vendor, chat) => {
  const dialect = DIALECTS[vendor] ?? (chat && vendor === "sandbox" ? "openai" : undefined);
  return dialect ? [steer, `dialect=${dialect}`].filter(Boolean).join(";") : steer;
};
const question = "What is the weather in Paris?";
const origin = () => new URL(gateway.url).origin;
const headersOf = (steer) => (steer ? { "x-tollgate-sim": steer } : {});

// Each: what the sandbox is asked for, and how one turn is had. `turn` gives `{text, calls, pieces}` and adds to `turns`.
const CALLERS = {
  chat: {
    native: "gpt-4o",
    start: (text) => [{ role: "user", content: text }],
    client: (key, steer) => new OpenAI({ baseURL: gateway.url, apiKey: key, maxRetries: 0, defaultHeaders: headersOf(steer) }),
    async turn(client, model, turns) {
      const tools = [{ type: "function", function: weather }];
      const stream = client.chat.completions.stream({ model, messages: turns, tools, stream_options: { include_usage: true } });
      let pieces = 0;
      for await (const _ of stream) pieces += 1;
      const { message } = (await stream.finalChatCompletion()).choices[0];
      const calls = (message.tool_calls ?? []).map((call) => JSON.parse(call.function.arguments));
      turns.push(message);
      for (const call of message.tool_calls ?? [])
        turns.push({ role: "tool", tool_call_id: call.id, content: JSON.stringify(result) });
      return { text: message.content, calls, pieces };
    },
  },
  responses: {
    native: "gpt-5-pro",
    start: (text) => [{ role: "user", content: text }],
    client: (key, steer) => CALLERS.chat.client(key, steer),
    async turn(client, model, turns) {
      const tools = [{ type: "function", strict: true, ...weather }];
      const stream = client.responses.stream({ model, input: turns, tools, store: false, include: ["reasoning.encrypted_content"] });
      let pieces = 0;
      for await (const _ of stream) pieces += 1;
      const { output } = await stream.finalResponse();
      const asked = output.filter((item) => item.type === "function_call");
      turns.push(...output.map(({ parsed_arguments, ...item }) => item));
      for (const call of asked)
        turns.push({ type: "function_call_output", call_id: call.call_id, output: JSON.stringify(result) });
      const text = output.flatMap((item) => item.content ?? []).map((part) => part.text ?? "").join("");
      return { text, calls: asked.map((call) => JSON.parse(call.arguments)), pieces };
    },
  },
  messages: {
    native: "claude-haiku-4-5",
    start: (text) => [{ role: "user", content: text }],
    client: (key, steer) => new Anthropic({ baseURL: origin(), apiKey: key, maxRetries: 0, defaultHeaders: headersOf(steer) }),
    async turn(client, model, turns) {
      const tools = [{ name: weather.name, description: weather.description, input_schema: parameters }];
      const thinking = { type: "enabled", budget_tokens: 1024 };
      const stream = client.messages.stream({ model, messages: turns, tools, max_tokens: 3000, thinking });
      let pieces = 0;
      for await (const _ of stream) pieces += 1;
      const { content } = await stream.finalMessage();
      const asked = content.filter((block) => block.type === "tool_use");
      turns.push({ role: "assistant", content });
      if (asked.length)
        turns.push({
          role: "user",
          content: asked.map(({ id }) => ({ type: "tool_result", tool_use_id: id, content: JSON.stringify(result) })),
        });
      const text = content.map((block) => (block.type === "text" ? block.text : "")).join("");
      return { text, calls: asked.map((call) => call.input), pieces };
    },
  },
  google: {
    native: "gemini-2.5-flash",
    start: (text) => [{ role: "user", parts: [{ text }] }],
    client: (key, steer) => new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin(), headers: headersOf(steer) } }),
    async turn(client, model, turns) {
      const tools = [
        { functionDeclarations: [{ name: weather.name, description: weather.description, parametersJsonSchema: parameters }] },
      ];
      const config = { tools, thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } };
      const parts = [];
      let pieces = 0;
      for await (const piece of await client.models.generateContentStream({ model, contents: turns, config })) {
        pieces += 1;
        parts.push(...(piece.candidates?.[0]?.content?.parts ?? []));
      }
      const asked = parts.flatMap((part) => part.functionCall ?? []);
      turns.push({ role: "model", parts });
      if (asked.length)
        turns.push({
          role: "user",
          parts: asked.map(({ id, name }) => ({ functionResponse: { id, name, response: result } })),
        });
      const text = parts.map((part) => (part.thought ? "" : (part.text ?? ""))).join("");
      return { text, calls: asked.map((call) => call.args), pieces };
    },
  },
};

const ways = Object.entries(CALLERS).flatMap(([name, caller]) =>
  ["sandbox", ...VENDORS].map((vendor) => ({
    name: `${name} to ${vendor}`,
    caller,
    vendor,
    model: vendor === "sandbox" ? caller.native : `${vendor}-ok`,
    connect: (steer, key) =>
      caller.client(key ?? (vendor === "sandbox" ? gateway.testKey : gateway.liveKey), told(steer, vendor, name === "chat")),
  })),
);

for (const way of ways) {
  test(`${way.name}: a streamed tool loop`, async () => {
    const client = way.connect(LOOP);
    const turns = way.caller.start(question);
    const first = await way.caller.turn(client, way.model, turns);
    assert.equal(first.calls.length, 2);
    for (const call of first.calls) assert.equal(typeof call.city, "string");
    const second = await way.caller.turn(client, way.model, turns);
    assert.deepEqual(second.calls, []);
    assert.ok(second.text);
    assert.ok(second.pieces > 3);
  });

  test(`${way.name}: failures`, async () => {
    const ask = (client) => way.caller.turn(client, way.model, way.caller.start(question));
    await assert.rejects(ask(way.connect("output-tokens=5", `sk-tg-live-${"0".repeat(49)}`)), (error) => error.status === 401);
    for (const fault of ["error-after=4", "cut-after=5", "garbage-after=3"])
      await assert.rejects(ask(way.connect(`chunks=20;chunk-ms=1;${fault}`)), fault);
  });
}

// The AI SDK's providers of the vendors.
const PROVIDERS = {
  chat: ["gpt-4o", (options) => { const openai = createOpenAI({ ...options, baseURL: gateway.url }); return (m) => openai.chat(m); }],
  responses: ["gpt-5-pro", (options) => { const openai = createOpenAI({ ...options, baseURL: gateway.url }); return (m) => openai.responses(m); }],
  anthropic: ["claude-haiku-4-5", (options) => createAnthropic({ ...options, baseURL: gateway.url })],
  google: ["gemini-2.5-flash", (options) => createGoogleGenerativeAI({ ...options, baseURL: `${origin()}/v1beta` })],
};

for (const [name, [native, make]] of Object.entries(PROVIDERS)) {
  for (const vendor of ["sandbox", ...VENDORS]) {
    const model = (steer, key) =>
      make({ apiKey: key ?? (vendor === "sandbox" ? gateway.testKey : gateway.liveKey), headers: headersOf(told(steer, vendor, name === "chat")) })(
        vendor === "sandbox" ? native : `${vendor}-ok`,
      );
    const get_weather = tool({ inputSchema: z.object({ city: z.string() }), execute: async () => result });

    // With OpenAI's protocol, what is kept for the caller is referred to by its id; else the caller keeps it all.
    for (const store of name === "responses" ? [false, true] : [false])
      test(`the AI SDK's ${name} to ${vendor}: tool loops${store ? ", kept for it" : ""}`, async () => {
        const providerOptions = { openai: { store } };
        const tools = { get_weather };
        const ask = { model: model(LOOP), prompt: question, tools, stopWhen: stepCountIs(4), maxRetries: 0, providerOptions };
        const plain = await generateText(ask);
        assert.equal(plain.steps.length, 2);
        if (store) assert.match(JSON.stringify(plain.steps[1].request.body), /item_reference/);
        assert.equal(plain.steps[0].toolResults.length, 2);
        assert.ok(plain.text);
        assert.equal(plain.finishReason, "stop");
        const errors = [];
        const streamed = streamText({ ...ask, onError: ({ error }) => errors.push(error) });
        let text = "";
        for await (const piece of streamed.textStream) text += piece;
        assert.deepEqual(errors, []);
        assert.ok(text);
        assert.ok((await streamed.totalUsage).outputTokens > 0);
      });

    test(`the AI SDK's ${name} to ${vendor}: a schema`, { skip: vendor === "deepseek" && "DeepSeek knows of no schema" }, async () => {
      const schema = z.object({ name: z.string(), age: z.number().int() });
      const { output } = await generateText({ model: model(""), prompt: "Make up a person.", output: Output.object({ schema }), maxRetries: 0 });
      assert.ok(schema.parse(output));
    });

    test(`the AI SDK's ${name} to ${vendor}: failures`, async () => {
      await assert.rejects(
        generateText({ model: model("output-tokens=5", `sk-tg-live-${"0".repeat(49)}`), prompt: "Hi", maxRetries: 0 }),
        (error) => error.statusCode === 401,
      );
      const errors = [];
      const stream = streamText({ model: model("chunks=20;chunk-ms=1;cut-after=5"), prompt: "Hi", maxRetries: 0, onError: ({ error }) => errors.push(error) });
      const parts = [];
      for await (const part of stream.fullStream) parts.push(part);
      assert.equal(errors.length, 1);
      assert.ok(!parts.some((part) => part.type === "finish" && part.finishReason === "stop"));
    });
  }
}
