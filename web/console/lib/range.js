// Spans of time that charts are drawn over.
const HOUR = 3_600_000;

/** Name → length in hours, hours in one bar, what the API is to group by. */
const RANGES = {
  "24h": { hours: 24, bar: 1, by: "hour" },
  "7d": { hours: 168, bar: 4, by: "hour" },
  "30d": { hours: 720, bar: 24, by: "day" },
  "90d": { hours: 2160, bar: 24, by: "day" },
};
export const NAMES = Object.keys(RANGES);

const two = (n) => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The range up to now: its bars with their beginnings, and the span of the same length before it. */
export function range(name) {
  const { hours, bar, by } = RANGES[name] ?? RANGES["24h"];
  const size = bar * HOUR;
  const to = Math.floor(Date.now() / size) * size + size;
  const from = to - hours * HOUR;
  const bars = Array.from({ length: hours / bar }, (_, at) => from + at * size);
  return { from: iso(from), to: iso(to), before: iso(from - hours * HOUR), bars, size, by };
}

export const iso = (time) => new Date(time).toISOString();

/** Which bar a row of the API belongs to. */
export function place(span, row) {
  const time = Date.parse(row.hour ?? `${row.day}T00:00:00Z`);
  return Math.floor((time - span.bars[0]) / span.size);
}

/** A bar's time on the axis and in full. Days are days in UTC, as budgets are. */
export function label(span, at) {
  const date = new Date(span.bars[at]);
  if (span.by === "day") {
    const text = `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`;
    return { label: text, long: `${text} (UTC)` };
  }
  const end = new Date(date.getTime() + span.size);
  const clock = (when) => `${two(when.getHours())}:${two(when.getMinutes())}`;
  const today = `${MONTHS[date.getMonth()]} ${date.getDate()}`;
  const short = span.size > HOUR ? `${today} ${two(date.getHours())}h` : clock(date);
  return { label: short, long: `${today}, ${clock(date)}–${clock(end)}` };
}
