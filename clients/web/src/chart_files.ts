// SPDX-License-Identifier: Apache-2.0
// A chart as files: its data as CSV, its drawing as SVG.
import { ChartSpec } from "./chart";
import { s } from "./dom";
import { csv, safe } from "./format";

export function rows(spec: ChartSpec): string {
  const body = spec.series.flatMap((one) => one.x.map((x, i) =>
    [one.name, one.notes?.[i] ?? "", x, one.y[i] ?? null, one.low?.[i] ?? null, one.high?.[i] ?? null]));
  return csv([["series", "point", spec.x.label, spec.y.label, "low", "high"], ...body]);
}

/** The drawing with the styles that it has on the page, for where the page's are not. */
export function standalone(holder: HTMLElement, title: string, width: number): string {
  const svg = holder.querySelector("svg");
  if (!svg) return "";
  const copy = svg.cloneNode(true) as SVGElement;
  const wanted = ["fill", "stroke", "stroke-width", "stroke-linecap", "stroke-dasharray", "opacity", "font-family", "font-size"];
  const from = [svg, ...svg.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
  from.forEach((element, i) => {
    const style = getComputedStyle(element);
    to[i].setAttribute("style", wanted.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
  });
  copy.prepend(s("title", {}, safe(title)));
  copy.setAttribute("width", String(width));
  return new XMLSerializer().serializeToString(copy);
}
