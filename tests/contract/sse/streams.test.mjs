// Our streams through the parser that ChatKit's component uses, recorded live and replayed in every split:
//   BASE_URL=… EMULATED_URL=… MODEL_URL=… node --test
// BASE_URL is a server with the offline model, EMULATED_URL one whose provider is `demo-model --emulate` at MODEL_URL.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { fetchEventSource } from "@microsoft/fetch-event-source";

const { BASE_URL: offline, EMULATED_URL: emulated, MODEL_URL: model } = process.env;
const headers = { "content-type": "application/json", accept: "text/event-stream" };

// The package is written for pages; these are all it asks of one.
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

// --- Recording --------------------------------------------------------------

const input = (text) => ({ content: [{ type: "input_text", text }], quoted_text: "", attachments: [], inference_options: {} });
const create = (text) => ({ type: "threads.create", params: { input: input(text) } });
const add = (thread_id, text) => ({ type: "threads.add_user_message", params: { thread_id, input: input(text) } });
const unique = (word) => word + Array.from({ length: 6 }, () => "bcdfghjklmnpqrstvwxz"[Math.floor(Math.random() * 20)]).join("");

/** The bytes of one stream; `enough` says when to leave. */
async function record(base, request, enough = () => false) {
  const leave = new AbortController();
  const response = await fetch(new URL("/chatkit", base), { method: "POST", headers, body: JSON.stringify(request), signal: leave.signal });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const pieces = [];
  for await (const piece of response.body) {
    pieces.push(piece);
    if (enough(Buffer.concat(pieces).toString())) break;
  }
  leave.abort();
  return Buffer.concat(pieces);
}

/** The same, for a turn whose model answers are lined up first. */
async function scripted(word, entries, enough) {
  const text = `${unique(word)} ✅ Grüße 🥛`;
  const script = entries.map((entry) => ({ ...entry, match: text.split(" ")[0] }));
  const lined = await fetch(new URL("/_fake/script", model), { method: "POST", headers, body: JSON.stringify(script) });
  assert.ok(lined.ok, await lined.text());
  return record(emulated, create(text), enough);
}

const answer = (answer, options = "") => ({ answer, options });
const wordy = "Grüße ✅ שלום 🥛👩‍👩‍👧 “quoted” \\ \u2028 next\nline. ".repeat(8);
const call = { name: "create_todo", arguments: { title: "Müsli 🥣" } };

async function question() {
  const word = unique("milk");
  const first = await record(offline, create(`add buy oat ${word}, buy soy ${word} and call ${unique("mum")}`));
  const { id } = JSON.parse(messagesIn(first)[0]).thread;
  return [id, await record(offline, add(id, `complete the ${word}`))];
}

async function answeredQuestion() {
  const [thread_id, asked] = await question();
  const { item } = messagesIn(asked).map(JSON.parse).findLast((event) => event.type === "thread.item.done");
  assert.equal(item.type, "structured_input");
  const [{ id, options }] = item.inputs;
  const answers = { [id]: { values: [options[0].value] } };
  return record(offline, { type: "threads.add_structured_input", params: { thread_id, item_id: item.id, input: { status: "answered", answers } } });
}

/** What each kind of turn must contain to be that kind. */
const kinds = {
  "plain text": { record: () => scripted("text", [answer({ text: wordy })]), holds: [/text_delta/, /🥛👩‍👩‍👧/] },
  "thinking and a tool call": {
    record: () => scripted("tool", [answer({ thoughts: ["Müsli 🥣, then."], calls: [call] }), answer({ text: "Done ✅" })]),
    holds: [/"type":"thought"/, /"status_indicator":"complete"/, /Done ✅/],
  },
  "the offline model's tool calls": { record: () => record(offline, create(`add ${unique("milk")} and ${unique("eggs")}`)), holds: [/workflow\.task\.updated/] },
  "an error in mid-stream": { record: () => scripted("error", [{ scenario: "mid_error_data" }]), holds: [/text_delta/, /"type":"error"/] },
  "an answer that was cut": { record: () => scripted("cut", [{ scenario: "cut_after(5)" }]), holds: [/text_delta/, /"type":"error"/] },
  "an answer that was stopped": {
    record: () => scripted("stop", [answer({ text: wordy }, "chunk=50")], (seen) => seen.split("text_delta").length > 3),
    holds: [/text_delta/],
  },
  "a refused message": { record: () => record(offline, create(" ")), holds: [/"type":"error"/] },
  "a question": { record: async () => (await question())[1], holds: [/"type":"structured_input"/, /"status":"pending"/] },
  "an answered question": { record: answeredQuestion, holds: [/thread\.item\.replaced/, /"status":"answered"/] },
  "a silent stretch": {
    record: () => scripted("silence", [answer({ text: wordy }, "ttft=10500")]),
    holds: [/(^|\n): keep-alive\n(?!\n)/, /text_delta/],
  },
};

// --- Replaying --------------------------------------------------------------

const pieces = (bytes, cuts) => [...cuts, bytes.length].map((cut, index) => bytes.subarray(index ? cuts[index - 1] : 0, cut)).filter((piece) => piece.length);
const every = (bytes, fits) => [...bytes.keys()].filter((at) => at > 0 && fits(bytes[at], bytes[at - 1]));
const newline = 10;

/** Small numbers that look random and are the same at every run. */
function* numbers(seed) {
  for (let state = seed; ; ) yield (state = (state * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

function atRandom(seed) {
  return (bytes) => {
    const chance = numbers(seed);
    return every(bytes, () => chance.next().value < 0.05);
  };
}

const splits = {
  "in one piece": () => [],
  "byte by byte": (bytes) => every(bytes, () => true),
  "inside every character beyond ASCII": (bytes) => every(bytes, (byte) => (byte & 0xc0) === 0x80),
  "inside every end of a frame": (bytes) => every(bytes, (byte, before) => byte === newline && before === newline),
  "before every line": (bytes) => every(bytes, (_, before) => before === newline),
  "at random (1)": atRandom(1),
  "at random (2)": atRandom(2),
  "at random (3)": atRandom(3),
};

const recordings = new Map();
let server, address;

before(async () => {
  server = createServer(replay);
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  address = `http://127.0.0.1:${server.address().port}/`;
  const recorded = Object.entries(kinds).map(async ([name, kind]) => {
    recordings.set(name, await kind.record().catch((error) => error));
  });
  await Promise.all(recorded);
});

after(() => server?.close());

/** One chunk of HTTP for each piece. */
async function replay(request, response) {
  const asked = new URL(request.url, address).searchParams;
  const bytes = recordings.get(asked.get("kind"));
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const piece of pieces(bytes, splits[asked.get("split")](bytes))) {
    if (!response.write(piece)) await new Promise((drained) => response.once("drain", drained));
  }
  response.end();
}

function recording(kind) {
  const bytes = recordings.get(kind);
  if (bytes instanceof Error) throw bytes;
  return bytes;
}

/** The messages that a page gets. */
async function messages(url, options = {}) {
  const received = [];
  await fetchEventSource(url, {
    openWhenHidden: true,
    onopen: async (response) => assert.equal(response.status, 200),
    onmessage: (message) => received.push(message),
    onerror: (error) => { throw error; },
    ...options,
  });
  return received;
}

/** The messages of whole frames, read without the package. */
function messagesIn(bytes) {
  const frames = bytes.toString().split("\n\n").slice(0, -1);
  return frames.map((frame) => frame.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)).join("\n"));
}

for (const [kind, { holds }] of Object.entries(kinds)) {
  describe(kind, () => {
    test("was recorded as such", () => {
      const text = recording(kind).toString();

      for (const pattern of holds) assert.match(text, pattern);
    });

    for (const split of Object.keys(splits)) {
      test(`comes whole ${split}`, async () => {
        const expected = messagesIn(recording(kind));
        const url = new URL(`?${new URLSearchParams({ kind, split })}`, address).href;

        const received = await messages(url);

        assert.deepEqual(received.map(({ data }) => data), expected);
      });
    }

    test("has messages of JSON with a type, without name, id or delay", async () => {
      recording(kind);
      const url = new URL(`?${new URLSearchParams({ kind, split: "in one piece" })}`, address).href;

      for (const { data, event, id, retry } of await messages(url)) {
        assert.ok(JSON.parse(data).type);
        assert.deepEqual([event, id, retry], ["", "", undefined]);
      }
    });
  });
}

test("a live turn comes to the page event by event", async () => {
  const body = JSON.stringify(create(`add ${unique("bread")}`));

  const received = await messages(new URL("/chatkit", offline).href, { method: "POST", headers, body });

  const types = received.map(({ data }) => JSON.parse(data).type);
  assert.deepEqual(types.slice(0, 3), ["thread.created", "thread.item.done", "stream_options"]);
  assert.ok(types.includes("thread.item.added"));
});

test("a refusal is read once and not repeated", async () => {
  const requests = [];
  const counted = (...request) => { requests.push(request); return fetch(...request); };
  const body = JSON.stringify(add("thr_00000000000000000000000000000000", "hello"));

  const opened = messages(new URL("/chatkit", offline).href, { method: "POST", headers, body, fetch: counted });

  await assert.rejects(opened, /404/);
  assert.equal(requests.length, 1);
});
