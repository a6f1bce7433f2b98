// SPDX-License-Identifier: Apache-2.0
// npm's Connect clients against a server: node clients.mjs PROTOSET URL [TOKEN]. Knows the API by its descriptors alone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createFileRegistry, create, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

const [protoset, baseUrl, token] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(protoset)));
const service = (name) => registry.getService(`sextant.v1.${name}`);
const detail = (name) => registry.getMessage(`google.rpc.${name}`);
const message = (name) => registry.getMessage(`sextant.v1.${name}`);

const authorize = (next) => (request) => {
  if (token) request.header.set("Authorization", `Bearer ${token}`);
  return next(request);
};

async function failure(call, code) {
  try {
    await call();
  } catch (error) {
    const known = ConnectError.from(error);
    assert.equal(Code[known.code], Code[code], known.message);
    return known;
  }
  assert.fail(`no error where ${Code[code]} was to come`);
}

function reasonOf(error) {
  const [info] = error.findDetails(detail("ErrorInfo"));
  assert.equal(info?.domain, "sextant", "an error without ErrorInfo");
  return info.reason;
}

function sweep() {
  const runs = [];
  for (const n of [1e6, 4e6, 16e6]) {
    for (const d of [1e8, 4e8, 16e8]) {
      for (let k = 0; k < 7; ++k) {
        const off = 0.4 * (k - 3);
        runs.push({ runId: `r${runs.length}`, paramsNonEmbedding: n, tokens: d, learningRate: 2 * n ** -0.4 * d ** 0.1 * Math.exp(off),
          batchSizeTokens: 65536, lossNats: (1.7 + 400 / n ** 0.34 + 400 / d ** 0.28) * (1 + 0.05 * off * off), state: 2 });
      }
    }
  }
  return runs;
}

const tests = {
  async "unary calls answer"({ transport }) {
    const client = createClient(service("PredictionService"), transport);
    const answer = await client.predict({ params: 1e9, tokens: 1e11, laws: ["step-law-lr"] });
    assert.deepEqual(answer.predictions[0].laws, ["step-law-lr"]);
    assert.ok(answer.predictions[0].learningRate.value > 0);
  },

  async "errors keep their details"({ transport }) {
    const client = createClient(service("StudyService"), transport);
    const missing = await failure(() => client.getStudy({ name: "studies/none" }), Code.NotFound);
    assert.equal(reasonOf(missing), "STUDY_NOT_FOUND");
    assert.equal(missing.findDetails(detail("ResourceInfo"))[0].resourceName, "studies/none");
    const wrong = await failure(() => client.createStudy({ studyId: "No", study: { title: "x".repeat(5000) } }), Code.InvalidArgument);
    const [bad] = wrong.findDetails(detail("BadRequest"));
    assert.deepEqual(bad.fieldViolations.map((v) => v.field).sort(), ["study.title", "study_id"]);
  },

  async "deadlines end calls"({ transport }) {
    const client = createClient(service("StudyService"), transport);
    await failure(() => client.listStudies({}, { headers: { "Connect-Timeout-Ms": "0" } }), Code.DeadlineExceeded);
  },

  async "uploads and watches stream"({ transport, name, duplex }) {
    const studies = createClient(service("StudyService"), transport);
    await studies.createStudy({ studyId: name });
    const runs = createClient(service("RunService"), transport);
    if (duplex) {
      const requests = async function* () {
        yield { message: { case: "header", value: { parent: `studies/${name}`, uploadId: "u1" } } };
        yield { message: { case: "chunk", value: { index: 0n, content: { case: "batch", value: { runs: sweep() } }, last: true } } };
      };
      let last;
      for await (const answer of runs.uploadRuns(requests())) last = answer;
      assert.equal(last.accepted, sweep().length, JSON.stringify(last.rejects?.[0] ?? last, (_, v) => (typeof v === "bigint" ? String(v) : v)));
    }
    const fits = createClient(service("FitService"), transport);
    const error = await failure(async () => {
      for await (const _ of fits.watchFit({ name: `studies/${name}/fits/none` })) ;
    }, Code.NotFound);
    assert.equal(reasonOf(error), "FIT_NOT_FOUND");
    if (!duplex) return;
    const fit = await fits.createFit({ parent: `studies/${name}`, law: "loss-chinchilla", bootstrapReplicates: 20 });
    let seen = fit;
    for await (const answer of fits.watchFit({ name: fit.name })) seen = answer;
    assert.equal(seen.state, 2, "FIT_SUCCEEDED");
    const many = createClient(service("PredictionService"), transport);
    let answered = 0;
    for await (const part of many.predictBatch({ studies: [`studies/${name}`], params: [1e8, 1e9], tokens: [2e9, 2e10] })) answered += part.count;
    assert.equal(answered, 2);
  },

  async "without the token nothing is answered"({ bare }) {
    if (!token) return;
    const client = createClient(service("StudyService"), bare);
    assert.equal(reasonOf(await failure(() => client.listStudies({}), Code.Unauthenticated)), "TOKEN_REQUIRED");
    const fits = createClient(service("FitService"), bare);
    await failure(async () => {
      for await (const _ of fits.watchFit({ name: "studies/s/fits/f" })) ;
    }, Code.Unauthenticated);
  },
};

// What encodes in which way. A browser's fetch takes no stream of requests over HTTP/1.1, so uploads are connect-node's.
const kinds = [
  ["node-binary", node.createConnectTransport, { httpVersion: "1.1", useBinaryFormat: true }, true],
  ["node-json", node.createConnectTransport, { httpVersion: "1.1", useBinaryFormat: false }, true],
  ["web-json", web.createConnectTransport, {}, false],
  ["web-binary", web.createConnectTransport, { useBinaryFormat: true }, false],
];

assert.ok(create(message("PredictRequest")));
let failed = 0;
for (const [kind, make, options, duplex] of kinds) {
  const bare = make({ baseUrl, ...options, jsonOptions: { registry } });
  const transport = make({ baseUrl, ...options, jsonOptions: { registry }, interceptors: [authorize] });
  for (const [title, test] of Object.entries(tests)) {
    try {
      await test({ transport, bare, name: kind, duplex });
      console.log(`ok ${kind}: ${title}`);
    } catch (error) {
      ++failed;
      console.log(`FAILED ${kind}: ${title}\n${error.stack}`);
    }
  }
}
process.exit(failed ? 1 : 0);
