// Node, node:http. One behaviour a line on standard input, one line of JSON for each on standard output.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import readline from "node:readline";

const [BASE, FOLDER] = process.argv.slice(2);
const JSON_FIELDS = { "Content-Type": "application/json" };
const BYTES = { "Content-Type": "application/octet-stream" };
const DOCUMENTS = "/api/v2.1/customer/individual/2001/documents";
const FORM = { "Content-Type": "multipart/form-data; boundary=form-4711" };
const agent = new http.Agent({ keepAlive: true });

const content = (name) => readFile(path.join(FOLDER, name));

async function saw(reply) {
  const file = path.join(FOLDER, `body-${randomUUID()}`);
  const blocks = [];
  for await (const block of reply) blocks.push(block);
  await writeFile(file, Buffer.concat(blocks));
  const { "content-length": length = "", location = "" } = reply.headers;
  return { status: reply.statusCode, file, length, location };
}

// `send` gets the request and ends it.
function call(method, target, { headers = {}, send = (request) => request.end(), using = agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(BASE + target, { method, headers, agent: using });
    request.on("response", (reply) => saw(reply).then(resolve, reject));
    request.on("error", reject);
    send(request);
  });
}

function post(target, body, headers) {
  return call("POST", target, { headers: { ...headers, "Content-Length": body.length }, send: (request) => request.end(body) });
}

async function inTurn(...calls) {
  const seen = [];
  for (const one of calls) seen.push(await one());
  return seen;
}

const small = () => call("GET", "/api/bytes/1000");
const closing = () => call("GET", "/api/bytes/1000", { headers: { Connection: "close" }, using: new http.Agent() });

const behaviours = {
  get: async () => [await call("GET", "/api/bytes/100000")],
  streamed: async () => [await call("GET", "/api/bytes/100000?chunked")],
  json: async () => [await post("/api/echo/payments", await content("payment.json"), JSON_FIELDS)],
  multipart: async () => [await post(DOCUMENTS, await content("form.bin"), FORM)],
  chunked: async () => {
    const body = await content("upload.bin");
    const send = (request) => {
      for (let at = 0; at < body.length; at += 50000) request.write(body.subarray(at, at + 50000));
      request.end();
    };
    return [await call("POST", "/api/sink", { headers: BYTES, send })];
  },
  expect: async () => {
    const body = await content("upload.bin");
    const headers = { ...BYTES, Expect: "100-continue", "Content-Length": body.length };
    const send = (request) => {
      request.flushHeaders();
      request.on("continue", () => request.end(body));
    };
    return [await call("POST", "/api/sink", { headers, send })];
  },
  "keep-alive": () => inTurn(small, small, small),
  close: () => inTurn(closing, closing),
  head: async () => [await call("HEAD", "/api/bytes/1000")],
  gzip: async () => [await call("GET", "/api/gzip/100000", { headers: { "Accept-Encoding": "gzip" } })],
  "no content": () => inTurn(() => call("GET", "/api/status/204"), () => call("GET", "/api/bytes/10")),
  revoked: async () => [await post("/api/echo/payments", await content("payment.json"), JSON_FIELDS)],
  parallel: () => Promise.all(Array.from({ length: 20 }, (_, number) => call("GET", `/api/echo/parallel-${number}`))),
  redirect: async () => [await call("GET", "/api/moved")],
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ replies: await behaviours[line.trim()]() }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
process.exit(0);
