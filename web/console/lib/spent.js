// What keys or projects have spent, each in the window of its own budget, from the ledger's sums.
import { get } from "./api.js";

const DAY = 86_400_000;

/** When a budget's window began: midnight, Monday, the first, in UTC. */
function start(window) {
  const now = new Date();
  const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  if (window === "day") return new Date(midnight).toISOString();
  if (window === "week") return new Date(midnight - ((now.getUTCDay() + 6) % 7) * DAY).toISOString();
  if (window === "month") return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)).toISOString();
  return null;
}

/** Id → decimal string of dollars. `by`: "key" or "project". */
export async function spent(rows, by, options) {
  const wanted = new Map();
  for (const row of rows) {
    const window = row.budget?.window ?? "total";
    const books = by === "key" ? [row.mode] : ["live"];
    for (const book of books) {
      const name = `${window} ${book}`;
      wanted.set(name, (wanted.get(name) ?? new Set()).add(row.id));
    }
  }
  const sums = new Map();
  await Promise.all([...wanted].map(async ([name, ids]) => {
    const [window, book] = name.split(" ");
    const answer = await get("/usage", { from: start(window), group_by: by, book }, options);
    for (const row of answer.data) {
      if (ids.has(row[by])) sums.set(row[by], row.cost_usd);
    }
  }));
  return sums;
}
