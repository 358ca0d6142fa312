// An upstream that nobody here wrote: aimock on a free port. Prints its URL when it listens; ends with its stdin.
//
// What it answers is told by the user's last message; both test suites use the same ones.
import { LLMock } from "@copilotkit/aimock";

const failure = (status, code, message, more = {}) => ({
  status,
  error: { message, type: "invalid_request_error", code },
  ...more,
});

// Video tasks run for a poll or two.
const lifetime = { pollsBeforeInProgress: 1, pollsBeforeCompleted: 2 };
const mock = new LLMock({ port: 0, chunkSize: 8, veoVideo: lifetime, bytePlusVideo: lifetime });
mock
  .onToolResult("call_paris", { content: "It is 21 degrees in Paris." })
  .onMessage("weather in Paris", {
    toolCalls: [{ id: "call_paris", name: "get_weather", arguments: '{"city":"Paris"}' }],
  })
  .onMessage("hello", { content: "Hi there from aimock!" })
  .onMessage("many words", { content: "one two three four five six seven eight nine ten" })
  .onMessage("a person", { content: '{"name":"Ada","age":36}' })
  .on(
    { userMessage: "busy at first", sequenceIndex: 0 },
    failure(429, "rate_limit_exceeded", "Too many requests.", { retryAfter: 1 }),
  )
  .on({ userMessage: "busy at first", sequenceIndex: 1 }, { content: "Now it works." })
  .onMessage("always busy", failure(429, "rate_limit_exceeded", "Too many requests.", { retryAfter: 1 }))
  .onMessage("not allowed", failure(400, "content_policy_violation", "That is not allowed."))
  .onMessage("locked account", failure(401, "invalid_api_key", "Incorrect API key provided: sk-abcd1234."))
  .onMessage("cut short", { content: "one two three four five six seven eight nine ten" }, { truncateAfterChunks: 3 })
  .onMessage("broken JSON", { content: "Never seen." }, { chaos: { malformedRate: 1 } })
  .onMessage("hang up", { content: "Never seen." }, { chaos: { disconnectRate: 1 } })
  .onMessage("slow", () => new Promise((done) => setTimeout(done, 3000, { content: "Too late." })))
  .onEmbedding("three numbers", { embedding: [0.25, -0.5, 1] })
  .onTranscription({
    transcription: {
      text: "Spoken words.",
      language: "english",
      duration: 2.5,
      segments: [{ id: 0, text: "Spoken words.", start: 0, end: 2.5 }],
    },
  })
  .onTranslation({ transcription: { text: "Translated words.", language: "english", duration: 2.5 } });

// It tells of videos and has none: its links lead to these bytes.
const clip = Buffer.from("\0\0\0\x18ftypisom a clip that nobody can play");
mock.mount("/media", {
  async handleRequest(_, answer) {
    answer.writeHead(200, { "content-type": "video/mp4", "content-length": clip.length }).end(clip);
    return true;
  },
});
const task = (model, more) => ({
  json: { model, created_at: 1795539000, updated_at: 1795539060, seed: 7, framespersecond: 24, ...more },
});
mock
  .on({ endpoint: "video", userMessage: "a kite", model: /^veo/ }, () => ({
    video: { id: "veo", status: "completed", url: `${mock.url}/media/clip.mp4` },
  }))
  .on({ endpoint: "video", userMessage: "a wreck", model: /^veo/ }, {
    video: { id: "veo", status: "failed", error: "It could not be made." },
  })
  .on({ endpoint: "video", userMessage: "a kite", model: /seedance/ }, ({ model }) =>
    task(model, {
      status: "succeeded",
      content: { video_url: `${mock.url}/media/clip.mp4` },
      usage: { completion_tokens: 108900, total_tokens: 108900 },
      resolution: "720p",
      ratio: "16:9",
      duration: 5,
    }),
  )
  .on({ endpoint: "video", userMessage: "a wreck", model: /seedance/ }, ({ model }) =>
    task(model, { status: "failed", error: { code: "InternalServiceError", message: "It could not be made." } }),
  );
await mock.start();
console.log(mock.url);

process.stdin.on("end", () => process.exit(0)).resume();
