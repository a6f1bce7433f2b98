// SPDX-License-Identifier: Apache-2.0
// Moving about in a chart: drag, or Shift and arrows, to move; Ctrl and the wheel, + and −, to come nearer; 0 for everything.
import { Scale, valueAt } from "./scale";

const ZOOM = 1.4; // of one step
const PAN = 0.15; // of the axis, of one press of a key
const STILL = 0.004; // of an axis: less is no movement

export interface Frame {
  width: number;
  left: number;
  right: number;
  top: number;
  height: number;
}

export interface Closer {
  held(): boolean; // a drag goes on
  key(event: KeyboardEvent): boolean; // true: it was one of these keys
  zoom(closer: boolean): void;
  everything(): void;
}

/** Changes `view` and has the chart drawn with the next frame; `drawn` says what it shows. */
export function lookCloser(
  holder: HTMLElement, frame: Frame, view: { x: Scale | null; y: Scale | null }, drawn: () => { x: Scale; y: Scale } | null, draw: () => void,
): Closer {
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
    const now = drawn();
    if (!now) return;
    const part = (scale: Scale, by: number, centre: number): Scale => {
      const from = centre - centre / factor + by, to = centre + (1 - centre) / factor + by;
      return { ...scale, low: valueAt(scale, from), high: valueAt(scale, to) };
    };
    // Several may come before the next frame.
    view.x = part(view.x ?? now.x, dx, around.x);
    view.y = part(view.y ?? now.y, dy, around.y);
    drawSoon();
  };
  const everything = (): void => {
    view.x = view.y = null;
    drawSoon();
  };
  let held: { x: number; y: number } | null = null;
  const share = (event: MouseEvent): { x: number; y: number } => {
    const box = holder.getBoundingClientRect(), scale = frame.width / box.width;
    return { x: ((event.clientX - box.left) * scale - frame.left) / (frame.width - frame.left - frame.right), y: 1 - ((event.clientY - box.top) * scale - frame.top) / frame.height };
  };
  holder.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    held = share(event);
    holder.setPointerCapture(event.pointerId);
  });
  holder.addEventListener("pointermove", (event) => {
    if (!held) return;
    const now = share(event);
    if (Math.abs(now.x - held.x) + Math.abs(now.y - held.y) < STILL) return;
    change(held.x - now.x, held.y - now.y, 1);
    held = now;
  });
  for (const end of ["pointerup", "pointercancel"]) holder.addEventListener(end, () => { held = null; });
  holder.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // or nobody could scroll past a chart
    event.preventDefault();
    change(0, 0, event.deltaY < 0 ? ZOOM : 1 / ZOOM, share(event));
  }, { passive: false });
  const key = (event: KeyboardEvent): boolean => {
    const move = event.shiftKey ? { ArrowRight: [PAN, 0], ArrowLeft: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] }[event.key] : undefined;
    const closer = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM }[event.key];
    if (move || closer || event.key === "0") {
      event.preventDefault();
      if (move) change(move[0], move[1], 1);
      else if (closer) change(0, 0, closer);
      else everything();
      return true;
    }
    return false;
  };
  return { held: () => held !== null, key, zoom: (closer) => change(0, 0, closer ? ZOOM : 1 / ZOOM), everything };
}
