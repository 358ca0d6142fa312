// Names of keys and projects by their ids, fetched once a visit and again when an unknown id turns up.
import { all } from "./api.js";

const known = { keys: new Map(), projects: new Map() };
const pending = {};

addEventListener("signed-out", () => { known.keys.clear(); known.projects.clear(); });

async function load(kind, signal) {
  pending[kind] ??= all(`/${kind}`, {}, { most: 5000 }).finally(() => { pending[kind] = null; });
  const rows = await pending[kind];
  signal?.throwIfAborted();
  known[kind] = new Map(rows.map((row) => [row.id, row]));
  return known[kind];
}

/** Keys or projects by id. With `ids`, fetched again if one of them is not known. */
export async function named(kind, { ids = [], signal, anew = false } = {}) {
  const map = known[kind];
  const missing = map.size === 0 || ids.some((id) => id && !map.has(id));
  return anew || missing ? load(kind, signal) : map;
}
