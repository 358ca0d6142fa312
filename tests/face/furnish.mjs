// A gateway that has seen some life: projects, keys, requests good and bad.

const hello = [{ role: "user", content: "What should I check first?" }];

export async function furnish({ admin, call }) {
  const search = await admin("POST", "/projects", { name: "search", budget: { limit_usd: "250", window: "month" }, limits: { requests_per_minute: 600 } });
  const support = await admin("POST", "/projects", { name: "support desk" });
  const make = (body) => admin("POST", "/keys", body);
  const keys = [
    await make({ name: "search service", mode: "test", project: search.id, budget: { limit_usd: "0.02", window: "day" }, limits: { requests_per_minute: 6000, concurrency: 40 }, allowed_models: ["gpt-*", "claude-*", "text-embedding-*"], metadata: { team: "search", owner: "Ada" } }),
    await make({ name: "nightly evaluation", mode: "test", project: search.id }),
    await make({ name: "support assistant", mode: "test", project: support.id, budget: { limit_usd: "0.05", window: "week", mode: "soft" } }),
    await make({ name: "my laptop", mode: "test", expires_at: new Date(Date.now() + 9 * 86_400_000).toISOString() }),
  ];
  await make({ name: "production", mode: "live", project: search.id, budget: { limit_usd: "250", window: "month" }, limits: { requests_per_minute: 600, tokens_per_minute: 2_000_000, concurrency: 64 } });
  const old = await make({ name: "old batch", mode: "live" });
  await admin("DELETE", `/keys/${old.id}`);
  await admin("PATCH", `/keys/${keys[1].id}`, { limits: { concurrency: 4 } });

  const chat = (key, model, sim, more = {}) =>
    call(key.key, "/v1/chat/completions", { model, messages: hello, ...more }, sim ? { "x-tollgate-sim": sim } : {}).then((answer) => answer.text().then(() => answer));
  const models = ["gpt-5-mini", "gpt-5", "gpt-5.4", "claude-sonnet-4-6", "deepseek-flash"];
  for (let round = 0; round < 9; round += 1) {
    await Promise.all(models.map((model, at) => chat(keys[(round + at) % 2 ? 0 : (at % 3) + (round % 2)], model, `ttft-ms=${20 + 37 * ((round * 7 + at * 3) % 9)};output-tokens=${40 + 90 * ((round + at) % 7)}`, { stream: round % 2 === 0 })));
  }
  await Promise.all([
    chat(keys[1], "gpt-5-mini", "status=500"), chat(keys[3], "gpt-5", "status=429;retry-after=1"), chat(keys[2], "no-such-model"),
    call(keys[1].key, "/v1/embeddings", { model: "text-embedding-3-small", input: ["a", "b", "c"] }),
  ]);
  const broken = await chat(keys[1], "gpt-5-mini", "chunks=20;cut-after=4", { stream: true });
  const good = await chat(keys[1], "gpt-5.4", "ttft-ms=180;chunk-ms=8;cached-tokens=3", { stream: true });
  const film = async (prompt, sim, model = "kling-v2-6") => {
    const answer = await call(keys[1].key, "/v1/videos", { model, prompt, seconds: "5" }, { "x-tollgate-sim": sim });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()).id;
  };
  const webhook = await admin("POST", "/webhooks", { url: "http://127.0.0.1:9/hooks/tollgate", project: search.id, events: ["video.completed", "video.failed"] });
  const failed = await film("A film that the provider's filter stops", "video=filtered;video-seconds=1");
  const task = await film("A paper boat on a quiet lake at dawn, the camera low over the water", "video-seconds=1");
  await film("A kite over the sea, wind from the left, no people", "video=slow", "veo-3.1-generate-001");
  await until(async () => (await admin("GET", `/tasks/${task}`)).state === "succeeded");
  return {
    task, failed, webhook: webhook.id,
    key: keys[0].id, project: search.id, request: good.headers.get("x-request-id"), broken: broken.headers.get("x-request-id"), secret: keys[1].key,
  };
}

async function until(done) {
  for (let at = 0; at < 100; at += 1) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error("it never came");
}

furnish.config = async () => `
[video]
internal_networks = ["127.0.0.0/8"]

[prices."kling/kling-v2-6"]
video_per_second = { default = "0.07" }

[providers.openai]
credentials = [{ api_key = "sk-nobody", weight = 3 }, { api_key = "sk-nobody-2" }]
base_url = "http://127.0.0.1:9/v1"

[providers.deepseek]
credentials = [{ api_key = "sk-nobody" }]
base_url = "http://127.0.0.1:9"

[models."fast"]
targets = [{ provider = "openai", model = "gpt-5-mini", weight = 3 }, { provider = "deepseek", model = "deepseek-flash", priority = 2 }]
`;
