// Providers: are they there, do they rest, what do they serve; and a test that costs nothing.
import { h, fill } from "../lib/dom.js";
import { get, post } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, code, empty, facts, note, table, top } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { range } from "../lib/range.js";

const RENEW_SECONDS = 5;
const TONES = { ready: "good", doubted: "warn", resting: "bad" };

export async function providers(context) {
  const { page, signal, every } = context;
  const list = h("div.stack");
  const cards = new Map();
  const draw = async (background) => {
    const span = range("24h");
    const [answer, usage] = await Promise.all([
      get("/providers", {}, { signal, background }),
      get("/usage", { from: span.from, to: span.to, group_by: "provider" }, { signal, background }),
    ]);
    const used = new Map(usage.data.map((row) => [row.provider, row]));
    for (const one of answer.data) {
      const made = cards.get(one.name) ?? provider(one.name);
      cards.set(one.name, made);
      made.renew(one, used.get(one.name));
    }
    if (answer.data.length === 0) fill(list, none());
    else if (list.children.length !== answer.data.length) fill(list, answer.data.map((one) => cards.get(one.name).node));
  };
  await draw(false);
  fill(page, top("Providers", { under: "From the configuration file and the environment; a change of the file is picked up by itself." }), list);
  every(RENEW_SECONDS, () => draw(true).catch(() => {}));
}
providers.title = "Providers";

function none() {
  return card(null, { bare: true }, empty(
    "server",
    "No provider is configured",
    "Test keys work without one. For live keys set a provider's usual variable and restart, or name it in tollgate.toml:",
    h("div", { style: { "text-align": "left", width: "min(560px, 100%)" } },
      code('[providers.openai]\nkind = "openai"\ncredentials = [{ api_key = "${OPENAI_API_KEY}" }]', "tollgate.toml")),
  ));
}

function provider(name) {
  const state = h("span");
  const body = h("div");
  const result = h("div", { role: "status" });
  const button = h("button.button.small", { type: "button", onclick: test }, icon("bolt", 13), "Test");
  async function test() {
    button.disabled = true;
    fill(result, h("p.hint", "Asking with each account…"));
    try {
      fill(result, outcome(await post(`/providers/${encodeURIComponent(name)}/test`)));
    } catch (error) {
      fill(result, note(error.message, "bad"));
    }
    button.disabled = false;
  }
  const node = card(name, { actions: [state, button] }, h("div.stack", body, result));
  const renew = (one, used) => {
    const states = one.accounts.map((account) => account.state);
    const worst = states.includes("ready") ? (states.every((each) => each === "ready") ? "ready" : "doubted") : states[0];
    const words = { ready: "ready", doubted: "partly ready", resting: "resting" };
    fill(state, badge(states.includes("ready") && worst === "doubted" ? words.doubted : words[worst] ?? worst, TONES[worst]));
    fill(body, h("div.grid.two",
      facts([
        ["Kind", one.kind],
        ["Address", h("code", one.base_url)],
        ["Speaks", one.protocols.join(", ") || h("span.muted", "tasks only")],
        ["Models", h("a", { href: `/console/models?provider=${encodeURIComponent(name)}` }, format.count(one.models))],
        ["Named by", one.found === "table" ? "the file" : "the environment"],
        ["Last 24 hours", used ? h("a", { href: `/console/requests?provider=${encodeURIComponent(name)}` }, `${format.count(used.requests)} requests, ${format.count(used.errors)} failed, ${format.money(used.cost_usd)}`) : h("span.muted", "no requests")],
      ]),
      accounts(one.accounts)));
  };
  return { node, renew };
}

function accounts(list) {
  const left = (account) => Object.entries(account.left).map(([rate, count]) => `${format.few(count)} ${rate}`).join(", ");
  return table([
    { name: "Account", cell: (account) => `No. ${list.indexOf(account) + 1}` },
    { name: "State", cell: (account) => [badge(account.state, TONES[account.state]), account.rests_for_ms !== undefined && h("div.sub", `${account.rate_limited ? "rate limit, " : ""}${format.ms(account.rests_for_ms)} yet`)] },
    { name: "Weight", class: "num", cell: (account) => account.weight },
    { name: "Left of its rates", cell: (account) => left(account) || h("span.muted", "not told") },
  ], list, { label: "Accounts" });
}

function outcome(answer) {
  return h("div.stack", answer.accounts.map((account, at) => {
    const took = account.took_ms === undefined ? "" : ` in ${format.ms(account.took_ms)}`;
    const name = `Account ${at + 1}`;
    if (account.ok) return note(`${name}: good${took}${account.models === null ? "" : `, ${format.count(account.models)} listed`}.`, "good", "check");
    return note(`${name}: ${account.status ? `status ${account.status}` : "no answer"}${took}. ${account.error ?? ""}`, "bad");
  }));
}
