// SPDX-License-Identifier: Apache-2.0
// What the series of a chart look like; a press hides one, or shows it again.
import { className, Series } from "./chart";
import { h, s } from "./dom";

export function legendOf(series: Series[], hidden: Set<Series>, changed: () => void): HTMLElement {
  const legend = h("ul", { class: "legend" });
  for (const one of series) {
    if (one.key === false) continue;
    const swatch = s("svg", { viewBox: "0 0 24 12", class: "swatch", "aria-hidden": "true" });
    const color = className(one.color);
    if (one.kind === "band") swatch.append(s("rect", { class: `band fill-${color}`, width: 24, height: 12 }));
    if (one.kind === "line") swatch.append(s("path", { class: `line ${color}${one.dashed ? " dashed" : ""}`, d: "M0 6h24" }));
    if (one.kind === "points") {
      swatch.append(one.cross ? s("path", { class: `line ${color}`, d: "M8 2l8 8m0-8l-8 8" })
        : s("circle", { class: one.hollow ? `hollow ${color}` : `fill-${color}`, cx: 12, cy: 6, r: 4 }));
    }
    legend.append(h("li", {}, h("button", {
      type: "button", "aria-pressed": "true", click: (event: Event) => {
        if (hidden.has(one)) hidden.delete(one);
        else hidden.add(one);
        (event.currentTarget as HTMLElement).setAttribute("aria-pressed", String(!hidden.has(one)));
        changed();
      },
    }, swatch, one.name)));
  }
  return legend;
}
