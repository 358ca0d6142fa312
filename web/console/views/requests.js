// The request log. One page is one query by the log's own order; filters are in the address.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, input, say, select, table, top, usd, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";

const PAGE = 100;
/** Rows that one view holds; after that a filter serves better than scrolling. */
const MOST = 2000;
const RENEW_SECONDS = 5;
const FILTERS = ["book", "status", "outcome", "key", "project", "model", "provider", "endpoint", "from", "to", "request"];
const OUTCOMES = ["completed", "refused", "rejected", "upstream_error", "stream_broken", "client_left"];

export async function requests(context) {
  const { page, query, signal, change, every } = context;
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const span = query.get("since");
  const asked = () => (span ? { ...wanted, from: new Date(Date.now() - Number(span) * 3_600_000).toISOString() } : wanted);
  let rows = [];
  let next = null;
  const list = h("div");
  const more = h("div.row");

  const draw = async () => {
    const keys = await named("keys", { ids: rows.map((row) => row.key_id), signal });
    fill(list, rows.length ? card(null, { bare: true }, requestTable(rows, { keys })) : card(null, { bare: true }, none(wanted, span)));
    const full = rows.length >= MOST;
    fill(more,
      // A page may end early where little fits; then there may be more further back.
      next && !full && h("button.button", { type: "button", onclick: older }, rows.length ? "Load older" : "Look further back"),
      full && h("span.hint", `These are the newest ${format.count(rows.length)}. Narrow the filters to see older ones.`));
  };
  const older = async (event) => {
    event.currentTarget.disabled = true;
    try {
      const answer = await get("/requests", { ...asked(), limit: PAGE, after: next }, { signal });
      rows = rows.concat(answer.data);
      next = answer.next;
      await draw();
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, "bad");
    }
  };
  const renew = async () => {
    const answer = await get("/requests", { ...asked(), limit: PAGE }, { signal, background: true });
    const known = new Set(rows.map((row) => row.id));
    const fresh = answer.data.filter((row) => !known.has(row.id));
    if (fresh.length === 0) return;
    // More came than one page holds: what lies between is not here, so begin anew.
    rows = fresh.length === answer.data.length ? answer.data : fresh.concat(rows).slice(0, MOST);
    if (fresh.length === answer.data.length) next = answer.next;
    await draw();
  };

  const first = await get("/requests", { ...asked(), limit: PAGE }, { signal });
  rows = first.data;
  next = first.next;
  await draw();
  const live = query.get("live") !== "off";
  fill(
    page,
    top("Requests", {
      actions: [
        h("button.button", { type: "button", "aria-pressed": String(live), onclick: () => change({ live: live ? "off" : null }) },
          h("span.pulse", { class: live ? null : "off" }), live ? "Live" : "Paused"),
      ],
    }),
    await filters(context, span),
    list,
    more,
  );
  if (live) every(RENEW_SECONDS, () => renew().catch((error) => { if (error.name !== "AbortError") say(error.message, "bad"); }));
}
requests.title = "Requests";

function none(wanted, span) {
  const filtered = Object.keys(wanted).length > 0 || span;
  return filtered
    ? empty("search", "No request fits", "Change the filters, or take them away.", h("a.button", { href: "/console/requests" }, "Take the filters away"))
    : empty("list", "No requests yet", "Make one with a key, or in the playground.", h("a.button.primary", { href: "/console/playground" }, "Open the playground"));
}

async function filters({ query, change, signal }, span) {
  const keys = await named("keys", { signal });
  const choice = (name, label, pairs) =>
    select([["", label], ...pairs], query.get(name) ?? "", { "aria-label": label, onchange: (event) => change({ [name]: event.target.value }) });
  const text = (name, placeholder) =>
    input({ type: "search", placeholder, value: query.get(name) ?? "", "aria-label": placeholder, onchange: (event) => change({ [name]: event.target.value.trim() }) });
  const active = FILTERS.some((name) => query.get(name)) || span;
  return h(
    "div.filters",
    choice("book", "Live and test", [["live", "Live"], ["test", "Test"]]),
    select([["", "Any time"], ["1", "Last hour"], ["24", "Last 24 hours"], ["168", "Last 7 days"], ["720", "Last 30 days"]], span ?? "", {
      "aria-label": "Time", onchange: (event) => change({ since: event.target.value }),
    }),
    choice("status", "Any status", [["2xx", "2xx"], ["4xx", "4xx"], ["429", "429"], ["5xx", "5xx"]]),
    choice("outcome", "Any outcome", OUTCOMES.map((name) => [name, format.words(name)])),
    choice("key", "Any key", [...keys.values()].slice(0, 500).map((key) => [key.id, key.name])),
    text("model", "Model"),
    text("provider", "Provider"),
    text("request", "Request id"),
    active && h("a.button.quiet", { href: "/console/requests" }, icon("close", 13), "Clear"),
  );
}

export function statusBadge(row) {
  const tone = row.status < 400 && row.outcome === "completed" ? "good" : row.status >= 500 || row.outcome === "stream_broken" ? "bad" : "warn";
  return badge(row.outcome === "completed" ? String(row.status) : `${row.status} ${format.words(row.outcome)}`, tone);
}

/** The log as a table; also used where one key's or provider's requests are shown. */
export function requestTable(rows, { keys, key = true }) {
  const columns = [
    { name: "Time", class: "fix", cell: (row) => h("a", { href: `/console/requests/${row.id}` }, when(row.created_at)) },
    { name: "Status", cell: statusBadge },
    { name: "Model", cell: (row) => [h("span.cut", { title: row.model }, row.requested_model ?? row.model), h("div.sub", row.provider ?? "")] },
    key && { name: "Key", class: "hide-m", cell: (row) => [h("span.cut", keys.get(row.key_id)?.name ?? row.key_id), row.book === "test" && h("div.sub", "test")] },
    { name: "Route", class: "hide-m", cell: (row) => h("span.mono.soft", row.endpoint) },
    { name: "Tokens", class: "num hide-s", cell: (row) => tokenCell(row.usage) },
    { name: "Cost", class: "num", cell: (row) => usd(row.amount_usd) },
    { name: "First byte", class: "num hide-s", cell: (row) => format.ms(row.first_byte_ms) },
    { name: "Total", class: "num hide-s", cell: (row) => format.ms(row.total_ms) },
  ].filter(Boolean);
  return table(columns, rows, { href: (row) => `/console/requests/${row.id}`, label: "Requests" });
}

function tokenCell(usage) {
  const { in: into, out } = format.tokens(usage);
  if (into + out > 0) return `${format.few(into)} → ${format.few(out)}`;
  const seconds = usage.audio_seconds ?? usage.video_seconds;
  return seconds ? `${seconds} s` : h("span.muted", "–");
}
