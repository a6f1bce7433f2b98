// SPDX-License-Identifier: Apache-2.0
// Axes: where a value lies, and which values are marked (as clients/cli/chart/scale.cc).
import { count, number } from "./format";

export interface Axis {
  label: string;
  log: boolean;
  count?: boolean;
  names?: string[]; // what 0, 1, 2, … are called
}

export interface Scale {
  log: boolean;
  low: number;
  high: number;
}

export interface Tick {
  at: number;
  label: string;
}

const MARGIN = 0.04;
const project = (scale: { log: boolean }, value: number): number => (scale.log ? Math.log10(value) : value);

/** The share of the axis, NaN for what it cannot show. */
export function at(scale: Scale, value: number): number {
  if (!Number.isFinite(value) || (scale.log && value <= 0)) return NaN;
  const low = project(scale, scale.low), high = project(scale, scale.high);
  return (project(scale, value) - low) / (high - low);
}

/** The value at a share of the axis: the other way round. */
export function valueAt(scale: Scale, share: number): number {
  const low = project(scale, scale.low), high = project(scale, scale.high);
  const value = low + share * (high - low);
  return scale.log ? 10 ** value : value;
}

export function scaleOf(log: boolean, values: number[]): Scale {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value) || (log && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = log ? [1, 10] : [0, 1];
  if (low === high) {
    const spread = low === 0 ? 1 : 0.1 * Math.abs(low);
    [low, high] = log ? [low / 2, low * 2] : [low - spread, low + spread];
  }
  if (log) {
    const factor = (high / low) ** MARGIN;
    return { log, low: low / factor, high: high * factor };
  }
  return { log, low: low - MARGIN * (high - low), high: high + MARGIN * (high - low) };
}

export function label(axis: Axis, value: number): string {
  if (axis.names) return axis.names[value] ?? "";
  return axis.count ? count(value, 3) : number(value, 4);
}

function linear(axis: Axis, scale: Scale, most: number): Tick[] {
  const raw = (scale.high - scale.low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= raw * (1 - 1e-9)) ?? 10 * power;
  const ticks: Tick[] = [];
  for (let i = Math.ceil(scale.low / step - 1e-9); i * step <= scale.high + 1e-9 * step && ticks.length <= 2 * most; ++i) {
    ticks.push({ at: at(scale, i * step), label: label(axis, Number((i * step).toPrecision(12))) });
  }
  // A log axis over less than half a decade takes these values at their own places.
  return ticks.filter((tick) => tick.at >= 0 && tick.at <= 1);
}

export function ticksOf(axis: Axis, scale: Scale, most: number): Tick[] {
  if (axis.names) return axis.names.map((text, i) => ({ at: at(scale, i), label: text })).filter((tick) => tick.at >= 0 && tick.at <= 1);
  if (!scale.log) return linear(axis, scale, most);
  const decades = Math.log10(scale.high / scale.low);
  const stride = Math.max(1, Math.ceil(decades / most));
  const ticks: Tick[] = [];
  for (let e = Math.floor(Math.log10(scale.low)); e <= Math.ceil(Math.log10(scale.high)); ++e) {
    for (let digit = 1; digit <= 9; ++digit) {
      const named = digit === 1 ? ((e % stride) + stride) % stride === 0 : (digit === 2 || digit === 5) && 3 * decades <= most;
      const value = digit * 10 ** e;
      const share = at(scale, value);
      if (share < 0 || share > 1 || (!named && stride > 1)) continue;
      ticks.push({ at: share, label: named ? label(axis, Number(value.toPrecision(12))) : "" });
    }
  }
  return ticks.filter((tick) => tick.label).length >= 2 ? ticks : linear(axis, scale, most);
}
