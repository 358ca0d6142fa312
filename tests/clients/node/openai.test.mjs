// The official Node library, through the gateway to the sandbox and to aimock.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { start, steer, user } from "./gateway.mjs";

const model = "gpt-5-mini";
const embedder = "text-embedding-3-small";
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

let gateway;
before(async () => {
  gateway = await start();
});
after(() => gateway.stop());

function client(live, more = {}) {
  const apiKey = live ? gateway.liveKey : gateway.testKey;
  return new OpenAI({ baseURL: gateway.url, apiKey, maxRetries: 0, ...more });
}

// A client that counts the requests it really sends.
function counted(live, more) {
  const sent = [];
  const counting = (...args) => {
    sent.push(performance.now());
    return fetch(...args);
  };
  return { sent, client: client(live, { fetch: counting, ...more }) };
}

async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}

const sound = () => toFile(Buffer.alloc(32_000), "sound.mp3");

for (const live of [false, true]) {
  describe(live ? "to aimock" : "to the sandbox", () => {
    test("plain chat", async () => {
      const { data, request_id: id } = await client(live)
        .chat.completions.create({ model, messages: user("hello") })
        .withResponse();
      assert.equal(data.choices[0].finish_reason, "stop");
      assert.ok(data.choices[0].message.content);
      if (live) assert.equal(data.choices[0].message.content, "Hi there from aimock!");
      assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
      assert.match(id, /^req_/);
      assert.equal(data._request_id, id);
    });

    test("streamed chat, without and with usage", async () => {
      const ask = { model, messages: user("many words") };
      const plain = await client(live).chat.completions.create(ask);
      const chunks = await all(await client(live).chat.completions.create({ ...ask, stream: true }));
      assert.ok(chunks.length > 3);
      assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !chunk.usage));
      const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
      assert.equal(text, plain.choices[0].message.content);
      assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
      const options = { stream: true, stream_options: { include_usage: true } };
      const counting = await all(await client(live).chat.completions.create({ ...ask, ...options }));
      assert.deepEqual(counting.at(-1).choices, []);
      assert.equal(counting.at(-1).usage.total_tokens, plain.usage.total_tokens);
    });

    test("stream helper", async () => {
      const stream = client(live).chat.completions.stream({ model, messages: user("many words") });
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].finish_reason, "stop");
      assert.ok(final.choices[0].message.content);
    });

    test("tool call, plain and streamed, and the turn after", async () => {
      const options = live ? {} : steer("tool-call=get_weather");
      const messages = user("What is the weather in Paris?");
      const ask = { model, messages, tools: [weather] };
      const { choices } = await client(live).chat.completions.create(ask, options);
      assert.equal(choices[0].finish_reason, "tool_calls");
      const [call] = choices[0].message.tool_calls;
      assert.equal(call.function.name, "get_weather");
      assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
      const streamed = await client(live).chat.completions.stream(ask, options).finalChatCompletion();
      assert.deepEqual(
        JSON.parse(streamed.choices[0].message.tool_calls[0].function.arguments),
        JSON.parse(call.function.arguments),
      );
      messages.push(choices[0].message, { role: "tool", tool_call_id: call.id, content: "21 degrees" });
      const next = await client(live).chat.completions.create({ model, messages, tools: [weather] });
      assert.equal(next.choices[0].finish_reason, "stop");
    });

    test("JSON schema", async () => {
      const person = z.object({ name: z.string(), age: z.number().int() });
      const answer = await client(live).chat.completions.parse({
        model,
        messages: user("Make up a person."),
        response_format: zodResponseFormat(person, "person"),
      });
      assert.ok(person.parse(answer.choices[0].message.parsed));
    });

    test("embeddings", async () => {
      const input = ["three numbers", "something else"];
      const { data } = await client(live).embeddings.create({ model: embedder, input });
      assert.deepEqual(data.map((row) => row.index), [0, 1]);
      assert.ok(data.every((row) => row.embedding.every(Number.isFinite)));
      // The library asks for base64 unless told; aimock answers with numbers whatever is asked for.
      const ask = { model: embedder, input, encoding_format: "float", dimensions: 64 };
      const floats = await client(live).embeddings.create(ask);
      if (live) assert.deepEqual(floats.data[0].embedding, [0.25, -0.5, 1]);
      else assert.equal(floats.data[0].embedding.length, 64);
    });

    test("transcription, translation", async () => {
      const { audio } = client(live);
      const plain = await audio.transcriptions.create({ model: "whisper-1", file: await sound() });
      assert.ok(plain.text);
      const events = await all(
        await audio.transcriptions.create({ model: "gpt-4o-transcribe", file: await sound(), stream: true }),
      );
      assert.equal(events.at(-1).type, "transcript.text.done");
      assert.ok((await audio.translations.create({ model: "whisper-1", file: await sound() })).text);
      if (live) return;
      for (const [format, begin] of [["srt", "1\n"], ["vtt", "WEBVTT"], ["text", ""]]) {
        const text = await audio.transcriptions.create({
          model: "whisper-1",
          file: await sound(),
          response_format: format,
        });
        assert.equal(typeof text, "string");
        assert.ok(text.startsWith(begin) && text.trim());
      }
    });

    test("models", async () => {
      const models = await all(client(live).models.list());
      assert.ok(models.some((one) => one.id === model));
      assert.equal((await client(live).models.retrieve(model)).id, model);
    });

    test("errors in the request", async () => {
      await assert.rejects(client(live).chat.completions.create({ model: "", messages: user("hello") }), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.param, "model");
        assert.match(error.requestID, /^req_/);
        return true;
      });
      await assert.rejects(client(live).models.retrieve("no-such-model"), OpenAI.NotFoundError);
    });
  });
}

describe("failures", () => {
  test("wrong key", async () => {
    const wrong = client(false, { apiKey: "sk-tg-live-wrong" });
    await assert.rejects(wrong.chat.completions.create({ model, messages: user("hello") }), (error) => {
      assert.ok(error instanceof OpenAI.AuthenticationError);
      assert.equal(error.code, "invalid_api_key");
      return true;
    });
  });

  test("unknown model", async () => {
    const ask = { model: "no-such-model", messages: user("hello") };
    await assert.rejects(client(true).chat.completions.create(ask), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
  });

  test("rate limit: retried when told, then given up", async () => {
    const { sent, client: openai } = counted(false, { maxRetries: 2 });
    const ask = { model, messages: user("hello") };
    await assert.rejects(
      openai.chat.completions.create(ask, steer("status=429;retry-after=1")),
      OpenAI.RateLimitError,
    );
    assert.equal(sent.length, 3);
    assert.ok(sent[1] - sent[0] >= 990 && sent[2] - sent[1] >= 990, `${sent}`);
  });

  test("a provider's rate limit passes, and the retry works", async () => {
    const { sent, client: openai } = counted(true, { maxRetries: 2 });
    const answer = await openai.chat.completions.create({ model: "limited/m", messages: user("busy at first") });
    assert.equal(answer.choices[0].message.content, "Now it works.");
    assert.equal(sent.length, 2);
  });

  test("the operator's locked account is no 401 of the caller, and not retried", async () => {
    const { sent, client: openai } = counted(true, { maxRetries: 2 });
    await assert.rejects(
      openai.chat.completions.create({ model: "limited/m", messages: user("locked account") }),
      (error) => error.status === 502 && error.code === "upstream_account_error",
    );
    assert.equal(sent.length, 1);
  });

  for (const fault of ["error-after=4", "cut-after=5", "garbage-after=3"]) {
    test(`a stream with ${fault} throws`, async () => {
      const seen = [];
      const ask = { model, messages: user("hello"), stream: true };
      await assert.rejects(async () => {
        for await (const chunk of await client(false).chat.completions.create(ask, steer(`chunks=20;${fault}`))) {
          seen.push(chunk);
        }
      }, OpenAI.APIError);
      assert.ok(seen.length > 1);
      assert.ok(seen.every((chunk) => chunk.choices[0].finish_reason === null));
    });
  }

  test("a provider's stream cut short throws", async () => {
    const ask = { model, messages: user("cut short"), stream: true };
    await assert.rejects(async () => all(await client(true).chat.completions.create(ask)), OpenAI.APIError);
  });

  test("the caller's time-out", async () => {
    const ask = { model, messages: user("hello") };
    await assert.rejects(
      client(false).chat.completions.create(ask, { ...steer("ttft-ms=5000"), timeout: 300 }),
      OpenAI.APIConnectionTimeoutError,
    );
  });
});
