// SPDX-License-Identifier: Apache-2.0
// One chart: axes that may be logarithmic, series that may be switched off, values under the pointer or the arrow keys,
// and its data as CSV and itself as SVG.
import { h, s, save } from "./dom";
import { csv, safe } from "./format";
import { at, Axis, label, Scale, scaleOf, ticksOf, valueAt } from "./scale";

export interface Series {
  name: string;
  kind: "line" | "points" | "band";
  x: number[];
  y: (number | null)[];
  low?: (number | null)[];
  high?: (number | null)[];
  dashed?: boolean;
  hollow?: boolean;
  cross?: boolean;
  color: number | string; // of the palette, or a class
  notes?: string[]; // what each point is
  key?: boolean; // in the legend; true unless said
  still?: boolean; // a guide: the pointer passes its points over
}

export interface ChartSpec {
  title: string;
  x: Axis;
  y: Axis;
  series: Series[];
  note?: string;
}

const WIDTH = 680, EDGE = 70, EDGE_OF_NAMES = 120, RIGHT = 16, TOP = 12, HEIGHT = 320, BELOW = 48;
const MANY = 1500; // points of a series from which on they are one path
const ZOOM = 1.4; // of one step
const PAN = 0.15; // of the axis, of one press of a key
const BAND_SHARE = 0.5; // of the axis that bands may add: an interval over decades would hide the lines

const className = (color: number | string): string => (typeof color === "number" ? `c${color % 6}` : color);
const real = (values: (number | null)[]): number[] => values.filter((v): v is number => v !== null && Number.isFinite(v));

function yScale(log: boolean, series: Series[]): Scale {
  const drawn = series.filter((one) => one.kind !== "band").flatMap((one) => real(one.y));
  const edges = series.flatMap((one) => real([...(one.low ?? []), ...(one.high ?? [])]));
  if (drawn.length === 0) return scaleOf(log, edges);
  const tight = scaleOf(log, drawn);
  for (const edge of edges) {
    const share = at(tight, edge);
    if (Number.isNaN(share)) continue;
    const kept = Math.min(1 + BAND_SHARE, Math.max(-BAND_SHARE, share));
    drawn.push(tight.log ? tight.low * (tight.high / tight.low) ** kept : tight.low + kept * (tight.high - tight.low));
  }
  return scaleOf(log, drawn);
}

let charts = 0;

export function chart(spec: ChartSpec): HTMLElement {
  const id = `chart-${++charts}`;
  const hidden = new Set<Series>();
  const log = { x: spec.x.log, y: spec.y.log };
  const LEFT = spec.y.names ? EDGE_OF_NAMES : EDGE;
  const holder = h("div", { class: "plot" });
  const readout = h("p", { class: "readout", role: "status", "aria-live": "polite" });
  let spots: { x: number; y: number; text: () => string }[] = [];
  // What is looked at, when it is not everything; and what was drawn last.
  const view: { x: Scale | null; y: Scale | null } = { x: null, y: null };
  let drawn: { x: Scale; y: Scale } | null = null;
  let marker: SVGElement | null = null;
  let chosen = -1;

  const choose = (index: number): void => {
    chosen = index;
    const spot = spots[index];
    readout.textContent = spot ? spot.text() : "";
    marker?.setAttribute("visibility", spot ? "visible" : "hidden");
    if (spot) {
      marker?.setAttribute("cx", spot.x.toFixed(1));
      marker?.setAttribute("cy", spot.y.toFixed(1));
    }
  };

  const draw = (): void => {
    const shown = spec.series.filter((one) => !hidden.has(one));
    const xAxis = { ...spec.x, log: log.x }, yAxis = { ...spec.y, log: log.y };
    const xs = view.x ?? scaleOf(log.x, shown.flatMap((one) => one.x)), ys = view.y ?? yScale(log.y, shown);
    drawn = { x: xs, y: ys };
    const X = (v: number): number => LEFT + at(xs, v) * (WIDTH - LEFT - RIGHT);
    const Y = (v: number): number => TOP + (1 - at(ys, v)) * HEIGHT;
    const svg = s("svg", {
      viewBox: `0 0 ${WIDTH} ${TOP + HEIGHT + BELOW}`, role: "img", "aria-labelledby": `${id}-title`, class: "chart",
      xmlns: "http://www.w3.org/2000/svg",
    });
    svg.append(s("defs", {}, s("clipPath", { id: `${id}-clip` },
      s("rect", { x: LEFT, y: TOP, width: WIDTH - LEFT - RIGHT, height: HEIGHT }))));
    for (const tick of ticksOf(xAxis, xs, 7)) {
      const x = LEFT + tick.at * (WIDTH - LEFT - RIGHT);
      if (tick.label) svg.append(s("path", { class: "grid", d: `M${x.toFixed(1)} ${TOP}V${TOP + HEIGHT}` }));
      else svg.append(s("path", { class: "axis", d: `M${x.toFixed(1)} ${TOP + HEIGHT}v4` }));
      if (tick.label) svg.append(s("text", { x: x.toFixed(1), y: TOP + HEIGHT + 18, "text-anchor": "middle" }, tick.label));
    }
    for (const tick of ticksOf(yAxis, ys, 6)) {
      const y = TOP + (1 - tick.at) * HEIGHT;
      if (tick.label) svg.append(s("path", { class: "grid", d: `M${LEFT} ${y.toFixed(1)}H${WIDTH - RIGHT}` }));
      else svg.append(s("path", { class: "axis", d: `M${LEFT} ${y.toFixed(1)}h-4` }));
      if (tick.label) svg.append(s("text", { x: LEFT - 8, y: (y + 4).toFixed(1), "text-anchor": "end" }, tick.label));
    }
    svg.append(s("path", { class: "axis", d: `M${LEFT} ${TOP}V${TOP + HEIGHT}H${WIDTH - RIGHT}` }));
    svg.append(s("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: TOP + HEIGHT + 40, "text-anchor": "middle" }, spec.x.label));
    svg.append(s("text", { transform: `translate(16 ${TOP + HEIGHT / 2}) rotate(-90)`, "text-anchor": "middle" }, spec.y.label));
    const inner = s("g", { "clip-path": `url(#${id}-clip)` });
    svg.append(inner);
    spots = [];
    for (const kind of ["band", "line", "points"]) {
      for (const one of shown) if (one.kind === kind) drawSeries(one, inner, X, Y, xAxis, yAxis, ys);
    }
    marker = s("circle", { class: "marker", r: 7, visibility: "hidden" });
    svg.append(marker);
    chosen = -1;
    holder.replaceChildren(svg);
  };

  const drawSeries = (
    one: Series, into: SVGElement, X: (v: number) => number, Y: (v: number) => number, xAxis: Axis, yAxis: Axis, ys: Scale,
  ): void => {
    const color = className(one.color);
    if (one.kind === "band") {
      const top: string[] = [], bottom: string[] = [];
      one.x.forEach((x, i) => {
        const low = one.low?.[i], high = one.high?.[i];
        if (low === null || low === undefined || high === null || high === undefined || Number.isNaN(X(x))) return;
        // What a log axis cannot show lies below it.
        const floor = Number.isNaN(Y(low)) ? Y(ys.low) : Y(low);
        if (Number.isNaN(Y(high))) return;
        top.push(`${X(x).toFixed(1)} ${Y(high).toFixed(1)}`);
        bottom.unshift(`${X(x).toFixed(1)} ${floor.toFixed(1)}`);
      });
      if (top.length > 1) into.append(s("path", { class: `band fill-${color}`, d: `M${[...top, ...bottom].join("L")}Z` }));
      return;
    }
    const parts: string[] = [];
    let pen = "M";
    one.x.forEach((x, i) => {
      const y = one.y[i];
      const px = X(x), py = y === null ? NaN : Y(y);
      if (y === null || Number.isNaN(px) || Number.isNaN(py)) {
        pen = "M";
        return;
      }
      const low = one.low?.[i], high = one.high?.[i];
      const interval = low !== null && low !== undefined && high !== null && high !== undefined;
      const name = one.notes?.[i] ?? one.name;
      if (!one.still && px >= LEFT - 1 && px <= WIDTH - RIGHT + 1 && py >= TOP - 1 && py <= TOP + HEIGHT + 1) {
        spots.push({
          x: px, y: py,
          text: () => `${name}: ${xAxis.label} ${label(xAxis, x)}, ${yAxis.label} ${label(yAxis, y)}` +
            (interval ? ` [${label(yAxis, low)}, ${label(yAxis, high)}]` : ""),
        });
      }
      if (one.kind === "line") {
        parts.push(`${pen}${px.toFixed(1)} ${py.toFixed(1)}`);
        pen = "L";
        return;
      }
      if (one.x.length > MANY) {
        parts.push(`M${px.toFixed(1)} ${py.toFixed(1)}h0`);
        return;
      }
      if (interval && !Number.isNaN(Y(high))) {
        const floor = Number.isNaN(Y(low)) ? Y(ys.low) : Y(low);
        into.append(s("path", { class: `line ${color}`, d: `M${px.toFixed(1)} ${floor.toFixed(1)}V${Y(high).toFixed(1)}` }));
      }
      into.append(one.cross
        ? s("path", { class: `line ${color}`, d: `M${(px - 4).toFixed(1)} ${(py - 4).toFixed(1)}l8 8m0-8l-8 8` })
        : s("circle", { class: one.hollow ? `hollow ${color}` : `fill-${color}`, cx: px.toFixed(1), cy: py.toFixed(1), r: 4 }));
    });
    if (!parts.length) return;
    const style = one.kind === "points" ? `dots ${color}` : `line ${color}${one.dashed ? " dashed" : ""}`;
    into.append(s("path", { class: style, d: parts.join("") }));
  };

  const nearest = (event: MouseEvent): number => {
    const box = holder.getBoundingClientRect();
    const scale = WIDTH / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let best = -1, distance = 40 * 40;
    spots.forEach((spot, i) => {
      const d = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  };
  // Looking closer: drag, or Shift and arrows, to move; Ctrl and the wheel, + and −, to come nearer; 0 for everything.
  let waiting = false;
  const drawSoon = (): void => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
  const change = (dx: number, dy: number, factor: number, around = { x: 0.5, y: 0.5 }): void => {
    if (!drawn) return;
    const part = (scale: Scale, by: number, centre: number): Scale => {
      const from = centre - centre / factor + by, to = centre + (1 - centre) / factor + by;
      return { ...scale, low: valueAt(scale, from), high: valueAt(scale, to) };
    };
    view.x = part(drawn.x, dx, around.x);
    view.y = part(drawn.y, dy, around.y);
    drawn = { x: view.x, y: view.y };
    drawSoon();
  };
  const everything = (): void => {
    view.x = view.y = null;
    drawSoon();
  };
  let held: { x: number; y: number } | null = null;
  const share = (event: MouseEvent): { x: number; y: number } => {
    const box = holder.getBoundingClientRect(), scale = WIDTH / box.width;
    return { x: ((event.clientX - box.left) * scale - LEFT) / (WIDTH - LEFT - RIGHT), y: 1 - ((event.clientY - box.top) * scale - TOP) / HEIGHT };
  };
  holder.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    held = share(event);
    holder.setPointerCapture(event.pointerId);
  });
  holder.addEventListener("pointermove", (event) => {
    if (!held) return;
    const now = share(event);
    if (Math.abs(now.x - held.x) + Math.abs(now.y - held.y) < 0.004) return;
    change(held.x - now.x, held.y - now.y, 1);
    held = now;
  });
  for (const end of ["pointerup", "pointercancel"]) holder.addEventListener(end, () => { held = null; });
  holder.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // or nobody could scroll past a chart
    event.preventDefault();
    change(0, 0, event.deltaY < 0 ? ZOOM : 1 / ZOOM, share(event));
  }, { passive: false });
  holder.addEventListener("mousemove", (event) => { if (!held) choose(nearest(event)); });
  holder.addEventListener("mouseleave", () => choose(-1));
  holder.tabIndex = 0;
  holder.setAttribute("role", "group");
  holder.setAttribute("aria-label", `${spec.title}: arrow keys go through the points, Shift and arrows move, plus and minus zoom, 0 shows everything`);
  holder.addEventListener("keydown", (event) => {
    const move = event.shiftKey ? { ArrowRight: [PAN, 0], ArrowLeft: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] }[event.key] : undefined;
    const closer = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM }[event.key];
    if (move || closer || event.key === "0") {
      event.preventDefault();
      if (move) change(move[0], move[1], 1);
      else if (closer) change(0, 0, closer);
      else everything();
      return;
    }
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step === undefined || spots.length === 0) return;
    event.preventDefault();
    choose((chosen + step + spots.length) % spots.length);
  });

  const toggle = (axis: "x" | "y"): HTMLElement =>
    h("button", {
      type: "button", "aria-pressed": String(log[axis]), click: (event: Event) => {
        log[axis] = !log[axis];
        view.x = view.y = null;
        (event.currentTarget as HTMLElement).setAttribute("aria-pressed", String(log[axis]));
        draw();
      },
    }, `log ${axis}`);
  const legend = h("ul", { class: "legend" });
  for (const one of spec.series) {
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
        draw();
      },
    }, swatch, one.name)));
  }
  const fileName = spec.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) || "chart";
  const element = h(
    "figure", { class: "figure" },
    h("figcaption", { id: `${id}-title` }, spec.title),
    h("div", { class: "tools" },
      h("button", { type: "button", "aria-label": "closer", click: () => change(0, 0, ZOOM) }, "+"),
      h("button", { type: "button", "aria-label": "further", click: () => change(0, 0, 1 / ZOOM) }, "−"),
      h("button", { type: "button", click: everything }, "all"), spec.x.names ? null : toggle("x"), spec.y.names ? null : toggle("y"),
      h("button", { type: "button", click: () => save(`${fileName}.csv`, "text/csv", rows(spec)) }, "CSV"),
      h("button", { type: "button", click: () => save(`${fileName}.svg`, "image/svg+xml", standalone(holder, spec.title)) }, "SVG")),
    holder, readout, legend, spec.note ? h("p", { class: "note" }, spec.note) : null,
  );
  draw();
  return element;
}

function rows(spec: ChartSpec): string {
  const body = spec.series.flatMap((one) => one.x.map((x, i) =>
    [one.name, one.notes?.[i] ?? "", x, one.y[i] ?? null, one.low?.[i] ?? null, one.high?.[i] ?? null]));
  return csv([["series", "point", spec.x.label, spec.y.label, "low", "high"], ...body]);
}

/** The drawing with the styles that it has on the page, for where the page's are not. */
function standalone(holder: HTMLElement, title: string): string {
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
  copy.setAttribute("width", String(WIDTH));
  return new XMLSerializer().serializeToString(copy);
}
