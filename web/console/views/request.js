// One request: what became of it, how long each part took, what it cost and why.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { badge, card, codeTabs, copy, facts, note, table, top, usd, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";
import { bodyFor, samples } from "../lib/samples.js";
import { statusBadge } from "./requests.js";

/** What a flag of the ledger means. */
const FLAGS = {
  suspect_usage: "A number of the provider's could not be true and was replaced by an estimate.",
  client_left: "The caller left before the end.",
  drained: "The stream was read on after the caller had left, for its true usage.",
  budget_cut: "The stream was ended because a budget was used up.",
  overrun: "It cost more than had been held for it.",
  other_tier: "The provider served it at another service tier.",
  unpriced: "The model has no price.",
  unpriced_usage: "Something was used for which there is no rate.",
};

export async function request(context) {
  const { page, params, signal, shared } = context;
  const row = await get(`/requests/${params.id}`, {}, { signal });
  const [keys, projects] = await Promise.all([named("keys", { ids: [row.key_id], signal }), named("projects", { ids: [row.project_id], signal })]);
  const body = bodyFor(row.endpoint, row.requested_model ?? row.model, row.stream);
  fill(
    page,
    top("Request", {
      crumb: { href: "/console/requests", text: "Requests" },
      under: h("code", row.id),
      actions: [statusBadge(row), badge(row.book, row.book === "live" ? "accent" : null), copy(row.id, "Copy id")],
    }),
    row.error && note(`Error: ${row.error}`, "bad"),
    row.flags.length > 0 && h("div.stack", row.flags.map((flag) => note(`${format.words(flag)}: ${FLAGS[flag] ?? ""}`, "warn"))),
    h(
      "div.grid.two",
      card("What it was", {}, facts([
        ["Model", [row.requested_model ?? row.model, row.requested_model && row.requested_model !== row.model ? h("span.soft", ` → ${row.model}`) : null]],
        ["Provider", row.provider ?? h("span.muted", "none")],
        ["Route", h("code", row.endpoint)],
        ["Streamed", row.stream ? "yes" : "no"],
        ["Key", h("a", { href: `/console/keys/${row.key_id}` }, keys.get(row.key_id)?.name ?? row.key_id)],
        ["Project", h("a", { href: `/console/projects/${row.project_id}` }, projects.get(row.project_id)?.name ?? row.project_id)],
        ["When", when(row.created_at)],
        ["Translation", row.translation ?? h("span.muted", "none: passed through as it was")],
        ["Provider's request id", row.upstream_request_id ? h("code", row.upstream_request_id) : h("span.muted", "none")],
      ])),
      card("How long", {}, h("div.stack", timing(row), attempts(row))),
    ),
    card("What it cost", { actions: [h("strong", { "data-figure": "amount", title: `$${row.amount_usd}` }, `$${row.amount_usd}`)] }, receipt(row)),
    card("Do it again", {}, h("p.hint", "Bodies are not kept: this is a request of the same kind, with your own key."),
      h("div.stack", codeTabs(samples(shared.settings.api_base, row.endpoint, body)))),
  );
}
request.title = "Request";

function timing(row) {
  if (row.total_ms === undefined) return h("p.soft", "Its timings are no longer kept.");
  const { auth, plan, answer } = row.stages_ms;
  const before = auth + plan + answer;
  const first = Math.max(0, (row.first_byte_ms ?? row.total_ms) - before);
  const rest = Math.max(0, row.total_ms - before - first);
  const parts = [
    ["Gateway: key, limits, route", auth + plan, "stage-0"],
    ["Caller's body and the provider's first byte", first, "stage-2"],
    ["Gateway: beginning of the answer", answer, "stage-1"],
    ["Rest of the answer", rest, "stage-3"],
  ];
  const total = parts.reduce((sum, [, size]) => sum + size, 0) || 1;
  return h(
    "div.stages",
    h("div.track", { "aria-hidden": "true" }, parts.map(([, size, tone]) => h("i", { class: tone, style: { width: `${(100 * size) / total}%` } }))),
    h("dl.facts", parts.map(([name, size, tone]) => [
      h("dt.row", h("span", { class: tone, style: { width: "9px", height: "9px", "border-radius": "2px" } }), name), h("dd", format.ms(size)),
    ]), h("dt", "First byte"), h("dd", format.ms(row.first_byte_ms)), h("dt", "Total"), h("dd", format.ms(row.total_ms))),
  );
}

function attempts(row) {
  if (!row.attempts) return null;
  const failed = row.failed_attempts ?? [];
  return h(
    "div.stack",
    h("p.hint", `${row.attempts} ${row.attempts === 1 ? "call" : "calls"} to providers${failed.length ? `, ${failed.length} failed` : ""}`),
    failed.length > 0 && table([
      { name: "Provider", cell: (one) => one.provider },
      { name: "Error", cell: (one) => h("code", one.error) },
      { name: "Took", class: "num", cell: (one) => format.ms((one.took_us ?? 0) / 1000) },
      { name: "Cost to you", class: "num", cell: (one) => usd(one.provider_cost_usd) },
    ], failed, { label: "Failed attempts" }),
  );
}

function receipt(row) {
  const { lines, reason, refunds, net_usd: net } = row.receipt;
  const amount = (line) => (line.rate_usd === null ? null : (Number(line.rate_usd) * line.quantity) / line.per);
  const columns = [
    { name: "Counter", cell: (line) => format.words(line.counter) },
    { name: "Quantity", class: "num", cell: (line) => format.count(line.quantity) },
    { name: "Rate", class: "num", cell: (line) => (line.rate_usd === null ? h("span.muted", "no rate") : `${format.money(line.rate_usd)} for ${format.few(line.per)}`) },
    { name: "Amount", class: "num", cell: (line) => (amount(line) === null ? "–" : `$${amount(line).toFixed(9)}`) },
  ];
  return h(
    "div.stack",
    lines.length > 0 ? table(columns, lines, { label: "Receipt" }) : h("p.soft", "Nothing was charged."),
    refunds.length > 0 && table([
      { name: "Refund", cell: (one) => one.cause },
      { name: "When", cell: (one) => when(one.created_at) },
      { name: "Amount", class: "num", cell: (one) => `$${one.amount_usd}` },
    ], refunds, { label: "Refunds" }),
    facts([
      ["Basis", [badge(row.basis), " ", h("span.soft", reason)]],
      ["Price version", row.price_version ? h("code", row.price_version) : h("span.muted", "none")],
      ["Charge", h("a.mono", { href: `/console/ledger?request=${row.id}` }, row.charge_id)],
      refunds.length > 0 && ["Net", `$${net}`],
      ["Provider's bill", usd(row.provider_cost_usd)],
    ]),
  );
}
