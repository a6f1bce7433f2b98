// SPDX-License-Identifier: Apache-2.0
// One HTML file: style and script inside, nothing to load.
import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

export default defineConfig({
  plugins: [viteSingleFile()],
  build: { target: "es2020", assetsInlineLimit: 1 << 24, modulePreload: false },
});
