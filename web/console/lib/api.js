// The admin API, as the page that a person has open asks it.

/** An answer that is not the one that was asked for. */
export class ApiError extends Error {
  constructor(status, code, message, field) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

let signedOut = () => {};
/** What is to be done when the session is over. */
export const onSignedOut = (action) => { signedOut = action; };

/**
 * Asks and gives the JSON of the answer. `background`: the page asks by itself, which does not keep a session alive.
 */
export async function ask(method, path, { body, signal, background = false } = {}) {
  const headers = { "x-tollgate-console": background ? "background" : "1" };
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, signal, credentials: "same-origin", cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The gateway does not answer. It may be restarting.");
  }
  if (answer.status === 204) return null;
  const text = await answer.text();
  let json = null;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ApiError(answer.status, "invalid_answer", `The gateway's answer (${answer.status}) is not JSON.`);
  }
  if (answer.ok) return json;
  const { code = "unknown", message = `Status ${answer.status}`, field } = json?.error ?? {};
  const error = new ApiError(answer.status, code, message, field);
  if (answer.status === 401 && path !== "/console/session") signedOut();
  throw error;
}

/** `/admin/v1` and a path, with what is not empty of a query. */
export function at(path, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(filled).toString();
  return `/admin/v1${path}${text ? `?${text}` : ""}`;
}

export const get = (path, query, options) => ask("GET", at(path, query), options);
export const post = (path, body, options) => ask("POST", at(path), { ...options, body });
export const patch = (path, body) => ask("PATCH", at(path), { body });
export const remove = (path, options) => ask("DELETE", at(path), options);

/** All of a list that is short by nature, page by page; `most` rows at the utmost. */
export async function all(path, query = {}, { most = 5000, ...options } = {}) {
  const rows = [];
  let after = null;
  do {
    const page = await get(path, { ...query, limit: 1000, after }, options);
    rows.push(...page.data);
    after = page.next;
  } while (after && rows.length < most);
  return rows;
}
