// SPDX-License-Identifier: Apache-2.0
// Numbers and text for people, and text from strangers.

// Controls, direction marks and what cannot be seen, as in base/printable.cc.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text of a stranger: what is hidden in it shows, and it ends somewhere. */
export function safe(text: string, most = 300): string {
  const shown = text.replace(HIDDEN, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
  return shown.length > most ? shown.slice(0, most - 1) + "…" : shown;
}

export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e6) return String(Number(value.toPrecision(digits)));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}

const UNITS: [number, string][] = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]];

export function count(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value) || Math.abs(value) >= 1e16) return number(value, digits);
  for (const [unit, suffix] of UNITS) {
    // Rounding must not give 1000K.
    if (Math.abs(value) >= unit * (1 - 0.5 * 10 ** -digits)) return String(Number((value / unit).toPrecision(digits))) + suffix;
  }
  return String(Number(value.toPrecision(digits)));
}

const POWERS: Record<string, number> = { K: 1e3, M: 1e6, B: 1e9, G: 1e9, T: 1e12 };

/** "7B", "1.4T", "2^20", "7e9"; null for anything else. */
export function parseCount(text: string): number | null {
  const trimmed = text.trim();
  const power = /^(\d+(?:\.\d+)?)\^(\d+(?:\.\d+)?)$/.exec(trimmed);
  if (power) return finite(Number(power[1]) ** Number(power[2]));
  const plain = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([KMBGT]?)$/i.exec(trimmed);
  if (!plain) return null;
  return finite(Number(plain[1]) * (POWERS[plain[2].toUpperCase()] ?? 1));
}

function finite(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? value : null;
}

const NAMES: Record<string, string> = {
  learning_rate: "peak learning rate",
  batch_size_tokens: "batch size (tokens)",
  critical_batch_size_tokens: "critical batch size (tokens)",
  weight_decay: "weight decay",
  adam_beta2: "Adam beta2",
  params: "parameters",
  tokens: "tokens",
};

export function quantityName(name: string, lossUnit: string): string {
  return name === "loss" ? `loss (${lossUnit})` : NAMES[name] ?? name.replace(/_/g, " ");
}

export function isCount(name: string): boolean {
  return name.endsWith("tokens") || name === "params";
}

export function quantity(name: string, value: number | null | undefined): string {
  return isCount(name) ? count(value) : number(value);
}

export function lossUnitWords(unit: string | undefined): string {
  return (unit ?? "NATS_PER_TOKEN").toLowerCase().replace(/_/g, " ");
}

/** Rows as CSV. Text that a spreadsheet would compute begins with an apostrophe. */
export function csv(rows: (string | number | null | undefined)[][]): string {
  const cell = (value: string | number | null | undefined): string => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
    const text = (/^[=+\-@\t\r]/.test(value) ? "'" : "") + safe(value, 10000);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
