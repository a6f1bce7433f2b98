// SPDX-License-Identifier: Apache-2.0
// A quadratic through losses over two logarithms, by least squares: its optimum and its contours.

export interface Bowl {
  x: number; // of the optimum
  y: number;
  least: number;
  /** Points of the curve on which the loss is `level`; empty where it is below the least. */
  contour(level: number): { x: number; y: number }[];
}

const TERMS = 6; // 1, x, y, x^2, xy, y^2
const AROUND = 72; // points of a contour

/** Gaussian elimination with pivoting; null where the system is singular. */
export function solve(matrix: number[][], right: number[]): number[] | null {
  const n = right.length;
  const a = matrix.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < n; ++i) {
    let pivot = i;
    for (let r = i + 1; r < n; ++r) if (Math.abs(a[r][i]) > Math.abs(a[pivot][i])) pivot = r;
    if (Math.abs(a[pivot][i]) < 1e-12) return null;
    [a[i], a[pivot]] = [a[pivot], a[i]];
    for (let r = 0; r < n; ++r) {
      if (r === i) continue;
      const factor = a[r][i] / a[i][i];
      for (let c = i; c <= n; ++c) a[r][c] -= factor * a[i][c];
    }
  }
  return a.map((row, i) => row[n] / row[i]);
}

/** Least squares of z on `terms` of every point; null where the points do not tell. */
export function leastSquares(terms: number[][], z: number[]): number[] | null {
  const n = terms[0]?.length ?? 0;
  if (terms.length < n || n === 0) return null;
  const matrix = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => terms.reduce((sum, t) => sum + t[i] * t[j], 0)));
  return solve(matrix, Array.from({ length: n }, (_, i) => terms.reduce((sum, t, k) => sum + t[i] * z[k], 0)));
}

/** Null for too few points, or a shape without a lowest point. */
export function fitBowl(points: { x: number; y: number; z: number }[]): Bowl | null {
  if (points.length < TERMS + 1) return null;
  // About the middle, so that the powers stay small.
  const mx = points.reduce((s, p) => s + p.x, 0) / points.length, my = points.reduce((s, p) => s + p.y, 0) / points.length;
  const c = leastSquares(points.map((p) => {
    const x = p.x - mx, y = p.y - my;
    return [1, x, y, x * x, x * y, y * y];
  }), points.map((p) => p.z));
  if (!c) return null;
  const [c0, cx, cy, cxx, cxy, cyy] = c;
  const determinant = 4 * cxx * cyy - cxy * cxy;
  if (!(cxx > 0) || !(determinant > 0)) return null;
  const x = (cxy * cy - 2 * cyy * cx) / determinant, y = (cxy * cx - 2 * cxx * cy) / determinant;
  const least = c0 + (cx * x + cy * y) / 2;
  return {
    x: x + mx, y: y + my, least,
    contour(level) {
      if (!(level > least)) return [];
      return Array.from({ length: AROUND + 1 }, (_, k) => {
        const angle = (2 * Math.PI * k) / AROUND, dx = Math.cos(angle), dy = Math.sin(angle);
        const reach = Math.sqrt((level - least) / (cxx * dx * dx + cxy * dx * dy + cyy * dy * dy));
        return { x: x + mx + reach * dx, y: y + my + reach * dy };
      });
    },
  };
}

/** The lowest point of a parabola through (x, z); null without one. */
export function fitValley(points: { x: number; z: number }[]): { x: number; least: number; at(x: number): number } | null {
  if (points.length < 3) return null;
  const mx = points.reduce((s, p) => s + p.x, 0) / points.length;
  const c = leastSquares(points.map((p) => [1, p.x - mx, (p.x - mx) ** 2]), points.map((p) => p.z));
  if (!c || !(c[2] > 0)) return null;
  const x = mx - c[1] / (2 * c[2]);
  const at = (v: number): number => c[0] + c[1] * (v - mx) + c[2] * (v - mx) ** 2;
  return { x, least: at(x), at };
}
