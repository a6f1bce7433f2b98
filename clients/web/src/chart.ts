// SPDX-License-Identifier: Apache-2.0
// One chart: axes that may be logarithmic, series that may be switched off, values under the pointer or the arrow keys,
// and its data as CSV and itself as SVG.
import { rows, standalone } from "./chart_files";
import { lookCloser } from "./closer";
import { h, s, save } from "./dom";
import { legendOf } from "./legend";
import { at, Axis, label, Scale, scaleOf, ticksOf } from "./scale";

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
const MANY = 1500; // points of a series from which on they are pixels, and in files one path
const FINE = 2; // pixels of the canvas per unit of the drawing
const BAND_SHARE = 0.5; // of the axis that bands may add: an interval over decades would hide the lines

export const className = (color: number | string): string => (typeof color === "number" ? `c${color % 6}` : color);
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
  let later: (() => void)[] = []; // fills `spots` with those of many points, once somebody asks
  let marker: SVGElement | null = null;
  let canvas: HTMLCanvasElement | null = null;
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

  const findSpots = (): void => {
    for (const find of later) find();
    later = [];
  };

  /** Points by thousands: each an element would take the browser seconds. */
  const cloud = (one: Series, X: (v: number) => number, Y: (v: number) => number): void => {
    canvas ??= h("canvas", { width: FINE * WIDTH, height: FINE * (TOP + HEIGHT + BELOW), "aria-hidden": "true" });
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.setTransform(FINE, 0, 0, FINE, 0, 0);
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${className(one.color)}`);
    pen.globalAlpha = 0.45;
    for (let i = 0; i < one.x.length; ++i) {
      const y = one.y[i];
      if (y === null) continue;
      const px = X(one.x[i]), py = Y(y);
      if (px >= LEFT && px <= WIDTH - RIGHT && py >= TOP && py <= TOP + HEIGHT) pen.fillRect(px - 1.5, py - 1.5, 3, 3);
    }
  };

  const draw = (forFile = false): void => {
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
    later = [];
    canvas?.getContext("2d")?.clearRect(0, 0, WIDTH, TOP + HEIGHT + BELOW);
    for (const kind of ["band", "line", "points"]) {
      for (const one of shown) if (one.kind === kind) drawSeries(one, inner, X, Y, xAxis, yAxis, ys, forFile);
    }
    marker = s("circle", { class: "marker", r: 7, visibility: "hidden" });
    svg.append(marker);
    chosen = -1;
    holder.replaceChildren(...(canvas ? [canvas, svg] : [svg]));
  };

  const drawSeries = (
    one: Series, into: SVGElement, X: (v: number) => number, Y: (v: number) => number, xAxis: Axis, yAxis: Axis, ys: Scale,
    forFile: boolean,
  ): void => {
    const color = className(one.color);
    const many = one.kind === "points" && one.x.length > MANY;
    const addSpot = (i: number, px: number, py: number): void => {
      if (one.still || px < LEFT - 1 || px > WIDTH - RIGHT + 1 || py < TOP - 1 || py > TOP + HEIGHT + 1) return;
      const x = one.x[i], y = one.y[i]!, low = one.low?.[i] ?? null, high = one.high?.[i] ?? null;
      spots.push({
        x: px, y: py,
        text: () => `${one.notes?.[i] ?? one.name}: ${xAxis.label} ${label(xAxis, x)}, ${yAxis.label} ${label(yAxis, y)}` +
          (low !== null && high !== null ? ` [${label(yAxis, low)}, ${label(yAxis, high)}]` : ""),
      });
    };
    if (many && !forFile) {
      cloud(one, X, Y);
      later.push(() => one.x.forEach((x, i) => {
        const y = one.y[i];
        if (y !== null && !Number.isNaN(X(x)) && !Number.isNaN(Y(y))) addSpot(i, X(x), Y(y));
      }));
      return;
    }
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
      addSpot(i, px, py);
      if (one.kind === "line") {
        parts.push(`${pen}${px.toFixed(1)} ${py.toFixed(1)}`);
        pen = "L";
        return;
      }
      if (many) {
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
    findSpots();
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
  const closer = lookCloser(holder, { width: WIDTH, left: LEFT, right: RIGHT, top: TOP, height: HEIGHT }, view, () => drawn, () => draw());
  holder.addEventListener("mousemove", (event) => { if (!closer.held()) choose(nearest(event)); });
  holder.addEventListener("mouseleave", () => choose(-1));
  holder.tabIndex = 0;
  holder.setAttribute("role", "group");
  holder.setAttribute("aria-label", `${spec.title}: arrow keys go through the points, Shift and arrows move, plus and minus zoom, 0 shows everything`);
  holder.addEventListener("keydown", (event) => {
    if (closer.key(event)) return;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    findSpots();
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
  const legend = legendOf(spec.series, hidden, () => draw());
  const forFile = (): string => {
    draw(true);
    const text = standalone(holder, spec.title, WIDTH);
    draw();
    return text;
  };
  const fileName = spec.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) || "chart";
  const element = h(
    "figure", { class: "figure" },
    h("figcaption", { id: `${id}-title` }, spec.title),
    h("div", { class: "tools" },
      h("button", { type: "button", "aria-label": "closer", click: () => closer.zoom(true) }, "+"),
      h("button", { type: "button", "aria-label": "further", click: () => closer.zoom(false) }, "−"),
      h("button", { type: "button", click: closer.everything }, "all"), spec.x.names ? null : toggle("x"), spec.y.names ? null : toggle("y"),
      h("button", { type: "button", click: () => save(`${fileName}.csv`, "text/csv", rows(spec)) }, "CSV"),
      h("button", { type: "button", click: () => save(`${fileName}.svg`, "image/svg+xml", forFile()) }, "SVG")),
    holder, readout, legend, spec.note ? h("p", { class: "note" }, spec.note) : null,
  );
  draw();
  // Pixels do not follow the style by themselves.
  if (canvas) matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  return element;
}
