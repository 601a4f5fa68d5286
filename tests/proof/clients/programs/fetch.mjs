// Node's own fetch. The interface of the others.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import readline from "node:readline";

const [BASE, FOLDER] = process.argv.slice(2);
const JSON_FIELDS = { "Content-Type": "application/json" };
const BYTES = { "Content-Type": "application/octet-stream" };

const content = (name) => readFile(path.join(FOLDER, name));

async function call(method, target, more = {}) {
  const reply = await fetch(BASE + target, { method, redirect: "manual", ...more });
  const file = path.join(FOLDER, `body-${randomUUID()}`);
  await writeFile(file, Buffer.from(await reply.arrayBuffer()));
  const field = (name) => reply.headers.get(name) ?? "";
  return { status: reply.status, file, length: field("content-length"), location: field("location") };
}

async function documents() {
  const form = new FormData();
  form.set("documentType", "PASSPORT");
  for (const name of ["file", "back"]) form.set(name, new Blob([await content(`${name}.bin`)]), `${name}.bin`);
  return [await call("POST", "/api/v2.1/customer/individual/2001/documents", { body: form })];
}

async function chunked() {
  const body = new Blob([await content("upload.bin")]).stream(); // a stream's length is not known
  return [await call("POST", "/api/sink", { headers: BYTES, body, duplex: "half" })];
}

async function inTurn(...targets) {
  const seen = [];
  for (const target of targets) seen.push(await call("GET", target));
  return seen;
}

const pay = async () => [await call("POST", "/api/echo/payments", { headers: JSON_FIELDS, body: await content("payment.json") })];

const behaviours = {
  get: () => inTurn("/api/bytes/100000"),
  streamed: () => inTurn("/api/bytes/100000?chunked"),
  json: pay,
  multipart: documents,
  chunked,
  "keep-alive": () => inTurn("/api/bytes/1000", "/api/bytes/1000", "/api/bytes/1000"),
  close: async () => {
    const closing = () => call("GET", "/api/bytes/1000", { headers: { Connection: "close" } });
    return [await closing(), await closing()];
  },
  head: async () => [await call("HEAD", "/api/bytes/1000")],
  gzip: () => inTurn("/api/gzip/100000"),
  "no content": () => inTurn("/api/status/204", "/api/bytes/10"),
  revoked: pay,
  parallel: () => Promise.all(Array.from({ length: 20 }, (_, number) => call("GET", `/api/echo/parallel-${number}`))),
  redirect: () => inTurn("/api/moved"),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify({ replies: await behaviours[line.trim()]() }));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error}: ${error.cause}` }));
  }
}
process.exit(0);
