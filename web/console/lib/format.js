// Numbers, money and times as people read them.

const whole = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => whole.format(n ?? 0);
/** A count in few characters: 1.2K. */
export const few = (n) => (Math.abs(n ?? 0) < 10_000 ? whole.format(n ?? 0) : compact.format(n));

/** A decimal string of dollars as nano-dollars, exactly. */
export function nano(text) {
  const [, sign, dollars, part = ""] = /^(-?)(\d+)(?:\.(\d{0,9}))?$/.exec(text ?? "0") ?? [null, "", "0", ""];
  const value = BigInt(dollars) * 1_000_000_000n + BigInt(part.padEnd(9, "0"));
  return sign ? -value : value;
}

/** Dollars for a table: two decimals where they say enough, else as many as there are. */
export function money(text) {
  const amount = Number(text ?? 0);
  if (amount === 0) return "$0";
  const size = Math.abs(amount);
  const sign = amount < 0 ? "−" : "";
  if (size >= 100) return `${sign}$${whole.format(Math.round(size))}`;
  if (size >= 1) return `${sign}$${size.toFixed(2)}`;
  if (size >= 0.01) return `${sign}$${size.toFixed(4).replace(/0{1,2}$/, "")}`;
  // Four digits that count, and never finer than the ledger.
  return `${sign}$${Number(size.toPrecision(4)).toFixed(9).replace(/0+$/, "")}`;
}

/** Dollars as an axis names them. */
export const moneyAxis = (amount) =>
  amount === 0 ? "$0" : amount >= 1 ? `$${compact.format(amount)}` : `$${Number(amount.toPrecision(2))}`;

export function ms(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0 ms";
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 60_000 ? `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s` : `${(value / 60_000).toFixed(1)} min`;
}

export const percent = (part, of) => (of ? `${((100 * part) / of).toFixed(part && part / of < 0.1 ? 2 : 1)}%` : "–");

const two = (n) => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A time in this browser's zone. */
export function time(text) {
  if (!text) return "–";
  const date = new Date(text);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return clock;
  const year = date.getFullYear() === now.getFullYear() ? "" : ` ${date.getFullYear()}`;
  return `${MONTHS[date.getMonth()]} ${date.getDate()}${year}, ${clock.slice(0, 5)}`;
}

export function day(text) {
  if (!text) return "–";
  const date = new Date(text);
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}`;
}

/** How long ago, or how long yet. */
export function ago(text) {
  if (!text) return "never";
  const seconds = (Date.now() - new Date(text).getTime()) / 1000;
  const size = Math.abs(seconds);
  const [value, unit] =
    size < 60 ? [size, "s"] : size < 3600 ? [size / 60, "min"] : size < 86_400 ? [size / 3600, "h"] : [size / 86_400, "d"];
  const words = `${Math.floor(value)} ${unit}`;
  return seconds >= 0 ? `${words} ago` : `in ${words}`;
}

/** Tokens that went in and came out, of a usage. */
export function tokens(usage = {}) {
  const sum = (...names) => names.reduce((total, name) => total + (usage[name] ?? 0), 0);
  return {
    in: sum("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "audio_input_tokens", "image_input_tokens"),
    out: sum("output_tokens", "reasoning_tokens", "audio_output_tokens", "image_output_tokens"),
  };
}

/** `input_tokens` as words. */
export const words = (name) => name.replaceAll("_", " ").replace("5m", "5 min").replace("1h", "1 h");
