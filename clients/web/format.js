// How figures are written: durations, bytes, counts, shares and lists.

export const duration = (ms) => {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 9995 ? 2 : 1)} s`;
};

export const bytes = (count) => {
  if (count < 1000) return `${count} B`;
  if (count < 999_500) return `${(count / 1000).toFixed(count < 9950 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
};

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const whole = (count) => grouped.format(Math.round(count));

export const percent = (share) => `${(100 * share).toFixed(share && share < 0.1 ? 1 : 0)}\u00a0%`;

/** Return items as a list in a sentence: "a, b and c". */
export const listed = (items) =>
  items.length > 1 ? `${items.slice(0, -1).join(", ")} and ${items.at(-1)}` : items.join("");

export const numeral = (count) => ["no", "one", "two", "three", "four", "five"][count] ?? String(count);
