// The playground's own keys: made when first needed, good for two hours, known to this page only, revoked when it goes.
import { at, post } from "./api.js";

const HOURS = 2;
/** What a live key of the playground may spend. */
export const LIVE_BUDGET = "1";

const held = {};

addEventListener("pagehide", drop);
addEventListener("signed-out", () => { for (const mode of Object.keys(held)) delete held[mode]; });

/** A key of that mode: `{ id, key }`. */
export async function playKey(mode) {
  const known = held[mode];
  if (known && known.until > Date.now()) return known;
  const until = Date.now() + HOURS * 3_600_000;
  const made = await post("/keys", {
    name: "playground", mode, expires_at: new Date(until).toISOString(), metadata: { made_by: "console playground" },
    ...(mode === "live" ? { budget: { limit_usd: LIVE_BUDGET, window: "total" } } : {}),
  });
  held[mode] = { id: made.id, key: made.key, until: until - 60_000 };
  return held[mode];
}

function drop() {
  for (const [mode, { id }] of Object.entries(held)) {
    delete held[mode];
    // The page is going: nobody is left to hear of a failure, and the key ends by itself.
    fetch(at(`/keys/${id}`), { method: "DELETE", headers: { "x-tollgate-console": "1" }, keepalive: true }).catch(() => {});
  }
}

/** A request of the data plane with a playground key, by way of the console's own address. */
export async function play(mode, path, { method = "POST", body, headers = {}, signal } = {}) {
  const { key } = await playKey(mode);
  return fetch(`/console/play${path}`, {
    method, signal, credentials: "omit", headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** JSON of such a request, or an error with the gateway's own words. */
export async function playJson(mode, path, options) {
  const answer = await play(mode, path, { method: "GET", ...options });
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(json?.error?.message ?? `Status ${answer.status}`);
  return json;
}
