// The ledger: entries as booked, and whether they add up.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, facts, note, say, segments, table, top, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";

const PAGE = 100;

export async function ledger(context) {
  const { page, query, signal, change } = context;
  const wanted = Object.fromEntries(["key", "project", "request", "model"].map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const book = query.get("book") ?? "live";
  const asked = { ...wanted, ...(wanted.request || wanted.key ? {} : { book }), limit: PAGE };
  const list = h("div");
  const more = h("div.row");
  let rows = [];
  let next = null;
  const load = async () => {
    const answer = await get("/ledger/entries", { ...asked, after: next }, { signal });
    rows = rows.concat(answer.data);
    next = answer.next;
    const keys = await named("keys", { ids: rows.map((row) => row.key_id), signal });
    fill(list, card(null, { bare: true }, rows.length ? entries(rows, keys) : empty("book", "No entries", "Every admitted request has one charge here.")));
    fill(more, next && h("button.button", { type: "button", onclick: () => load().catch((error) => say(error.message, "bad")) }, "Load older"));
  };
  await load();
  fill(
    page,
    top("Ledger", {
      under: "One charge for each admitted request, never changed. Test money is kept apart.",
      actions: [
        Object.keys(wanted).length > 0 && h("a.button.quiet", { href: "/console/ledger" }, icon("close", 13), "Clear filter"),
        !asked.key && !asked.request && segments("Book", [["live", "Live"], ["test", "Test"]], book, (value) => change({ book: value === "live" ? null : value })),
      ],
    }),
    verifyCard(signal),
    list,
    more,
  );
}
ledger.title = "Ledger";

function verifyCard(signal) {
  const result = h("div", { role: "status" }, h("p.hint", "Checks every rule over every entry, now. On a large ledger this takes a while."));
  const button = h("button.button", { type: "button", onclick: verify }, icon("shield", 14), "Verify");
  async function verify() {
    button.disabled = true;
    const began = Date.now();
    const tell = () => fill(result, h("p.hint", `Checking… ${Math.round((Date.now() - began) / 1000)} s`));
    tell();
    const timer = setInterval(tell, 1000);
    try {
      const report = await get("/ledger/verify", {}, { signal });
      fill(result, outcome(report));
    } catch (error) {
      if (error.name !== "AbortError") fill(result, note(error.message, "bad"));
    } finally {
      clearInterval(timer);
      button.disabled = false;
    }
  }
  return card("Do the books add up?", { actions: [button] }, result);
}

function outcome(report) {
  const checked = facts(Object.entries(report.checked).map(([name, count]) => [format.words(name), format.count(count)]));
  if (report.ok) return h("div.stack", note("Everything adds up.", "good", "check"), checked);
  return h(
    "div.stack",
    note(`${format.count(report.broken ?? report.violations.length)} rules do not hold. Keep the data dir as it is and look at the log.`, "bad"),
    table([
      { name: "Rule", cell: (row) => h("code", row.invariant) },
      { name: "What is wrong", cell: (row) => row.detail },
    ], report.violations, { label: "Violations" }),
    checked,
  );
}

function entries(rows, keys) {
  const columns = [
    { name: "Time", class: "fix", cell: (row) => h("a", { href: `/console/requests/${row.request_id}` }, when(row.created_at)) },
    { name: "Entry", class: "hide-m", cell: (row) => h("code.soft", row.id) },
    { name: "Kind", cell: (row) => badge(row.kind, row.kind === "refund" ? "warn" : null) },
    { name: "Key", class: "hide-s", cell: (row) => h("span.cut", keys.get(row.key_id)?.name ?? row.key_id) },
    { name: "Model", cell: (row) => [h("span.cut", row.model), h("div.sub", row.provider ?? "")] },
    { name: "Basis", class: "hide-s", cell: (row) => [row.basis, row.flags.map((flag) => h("div.sub", format.words(flag)))] },
    { name: "Amount", class: "num", cell: (row) => `$${row.amount_usd}` },
  ];
  return table(columns, rows, { href: (row) => `/console/requests/${row.request_id}`, label: "Ledger entries" });
}
