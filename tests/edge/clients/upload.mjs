// Uploads with what Node.js brings: node upload.mjs fetch|http TOKEN PHOTO URL…
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const [way, token, photo, ...urls] = process.argv.slice(2);
const authorization = `Bearer ${token}`;
const agent = new http.Agent({ keepAlive: true });

async function fetched(url, form) {
  const options = form ? { method: "POST", body: form } : {};
  const answer = await fetch(url, { ...options, headers: { authorization } });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

// The body is streamed, in chunks, as forms are by libraries that build upon node:http.
async function requested(url, form) {
  const encoded = form ? new Response(form) : null;
  const headers = { authorization };
  if (encoded) headers["content-type"] = encoded.headers.get("content-type");
  const answer = await new Promise(async (resolve, reject) => {
    const request = http.request(url, { method: form ? "POST" : "GET", headers, agent }, resolve);
    request.on("error", reject);
    if (encoded) for await (const piece of encoded.body) request.write(piece);
    request.end();
  });
  const pieces = [];
  for await (const piece of answer) pieces.push(piece);
  return { status: answer.statusCode, body: Buffer.concat(pieces) };
}

const ask = way === "fetch" ? fetched : requested;
const data = await readFile(photo);
for (const url of urls) {
  const form = new FormData();
  form.append("file", new Blob([data], { type: "image/jpeg" }), "a.jpg");
  const posted = await ask(`${url}/api/image-upload`, form);
  const { id } = JSON.parse(posted.body).data ?? {};
  let status = "processing";
  while (status === "processing") {
    await sleep(20);
    status = JSON.parse((await ask(`${url}/api/image-upload/${id}/status`)).body).status;
  }
  const image = await ask(`${url}/api/available-image/${id}/download`);
  const digest = createHash("sha256").update(image.body).digest("hex");
  console.log(`${posted.status} ${status} ${image.status} ${digest}`);
}
agent.destroy();
