// The built-in page in a real browser, against a running server with the offline model:
//   BASE_URL=http://127.0.0.1:8000 node --test
// CHROMIUM names the browser (default /usr/bin/chromium). Every test waits for what it wants to see, never for time.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { chromium } from "playwright-core";

const base = new URL(process.env.BASE_URL ?? "http://127.0.0.1:8000/");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let browser, context, page, faults;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
});

after(() => browser?.close());

beforeEach(async () => {
  context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin" });
  context.setDefaultTimeout(20_000);
  faults = [];
  page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("console", (message) => /Content Security Policy/i.test(message.text()) && faults.push(message.text()));
  page.on("request", (request) => isForeign(request.url()) && faults.push(`foreign request: ${request.url()}`));
  await page.goto(base.href);
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(faults, []);
});

const isForeign = (url) => !url.startsWith("data:") && new URL(url).origin !== base.origin;
const unique = (word) => `${word} ${Array.from({ length: 6 }, () => "bcdfghjklmnpqrstvwxz"[Math.floor(Math.random() * 20)]).join("")}`;
const composer = () => page.getByRole("textbox", { name: "Message" });
const answers = () => page.locator(".assistant_message:not(.open)");
const steps = () => page.locator(".workflow:not(.open) li.complete");

/** Sends a message and waits for its whole answer. */
async function say(text) {
  const answer = answers().nth(await answers().count());
  await composer().fill(text);
  await composer().press("Enter");
  await answer.waitFor();
  await page.getByRole("button", { name: "Stop" }).waitFor({ state: "hidden" });
  return answer.innerText();
}

/** In the page: hands it each body in small pieces, at most one a frame, however fast the server is. */
function readSlowly() {
  const { fetch } = window;
  const transform = async (bytes, pieces) => {
    for (let at = 0; at < bytes.length; at += 100) {
      await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
      pieces.enqueue(bytes.subarray(at, at + 100));
    }
  };
  window.fetch = async (...request) => {
    const response = await fetch(...request);
    return new Response(response.body.pipeThrough(new TransformStream({ transform })), response);
  };
}

const seen = (locator) => locator.first().waitFor();

test("the first screen greets, says that the model is the offline one, and offers examples", async () => {
  assert.equal(await page.title(), "orchestrator");
  await seen(page.getByText("Offline demo model: set GEMINI_API_KEY for the real one."));
  await page.getByRole("button", { name: "What can you do?" }).click();

  await seen(answers());

  assert.match(page.url(), /\?thread=thr_/);
});

test("todos are added in steps that complete, and the list names them", async () => {
  const [milk, eggs, bread] = ["milk", "eggs", "bread"].map(unique);

  await say(`add ${milk}, ${eggs} and ${bread} for tomorrow`);

  await seen(steps().nth(2));
  assert.equal(await page.locator("li.loading, li.failed").count(), 0);
  const list = (await say("what is on my list?")).toLowerCase();
  for (const todo of [milk, eggs, bread]) assert.ok(list.includes(todo), `${todo} is missing in: ${list}`);
});

test("the answer grows on the screen before it is whole", async () => {
  await page.evaluate(readSlowly);
  await page.evaluate(() => {
    window.lengths = new Set();
    const look = () => document.querySelectorAll(".assistant_message.open").forEach((answer) => window.lengths.add(answer.innerText.length));
    new MutationObserver(look).observe(document.querySelector("#items"), { childList: true, subtree: true, attributes: true, characterData: true });
  });

  await say("what can you do?");

  const lengths = await page.evaluate(() => [...window.lengths]);
  assert.ok(lengths.length > 1, `the answer was seen at these lengths only: ${lengths}`);
});

test("thoughts fold away and open on demand", async () => {
  await say(`add ${unique("bread")}`);

  const thinking = page.locator("details", { has: page.locator(".thought") }).first();
  if (!(await thinking.evaluate((details) => details.open))) await thinking.locator("summary").click();
  await seen(thinking.locator(".thought"));
  await thinking.locator("summary").click();

  await thinking.locator(".thought").first().waitFor({ state: "hidden" });
});

test("a reload shows the conversation again, and the drawer leads back to it", async () => {
  const todo = unique("plums");
  const answer = await say(`add ${todo}`);
  const address = page.url();

  await page.reload();

  await seen(page.locator(".user_message", { hasText: todo }));
  assert.equal(await answers().last().innerText(), answer);
  await page.getByRole("link", { name: "New chat" }).click();
  await seen(page.locator("#examples"));
  await page.getByRole("button", { name: "Conversations" }).click();
  await page.locator(`#threads a[href="${new URL(address).search}"]`).click();
  await seen(page.locator(".user_message", { hasText: todo }));
});

test("every request tells the server the person's time zone", async () => {
  const asked = page.waitForRequest((request) => request.url().endsWith("/chatkit"));

  await say("hello");

  assert.deepEqual((await asked).postDataJSON().metadata, { time_zone: "Europe/Berlin" });
});

test("a link to an unknown thread is told kindly, and one can go on from there", async () => {
  await page.goto(new URL("?thread=thr_00000000000000000000000000000000", base).href);

  await seen(page.getByText("This conversation is not here"));

  await say("hello");
  assert.match(page.url(), /\?thread=thr_(?!0{32})/);
});

test("markup in a message is text, in the conversation, the answer and the list of threads", async () => {
  const attack = `<img src=x onerror="alert(1)"><script>alert(2)</script> ${unique("x")}`;

  await say(`add ${attack}`);

  assert.ok((await page.locator(".user_message").innerText()).includes(attack));
  await say("what is on my list?");
  await page.getByRole("button", { name: "Conversations" }).click();
  await seen(page.locator("#threads a"));
  assert.equal(await page.locator("body :is(img, script, iframe):not(body > script)").count(), 0);
});

test("a lost connection is told, and the message can be sent again", async () => {
  await page.route("**/chatkit", (route) => route.abort("connectionreset"), { times: 1 });
  await composer().fill("hello");
  await composer().press("Enter");
  await seen(page.getByText("The server could not be reached."));
  assert.equal(await composer().inputValue(), "hello");

  await page.getByRole("button", { name: "Try again" }).click();

  await seen(answers());
  assert.equal(await page.locator(".error").count(), 0);
});

const item = (id, type, text) => ({ id, thread_id: "thr_scripted", created_at: "2026-01-01T00:00:00Z", type, content: text ? [{ type: "input_text", text }] : [] });
const stream = (...events) => ({ contentType: "text/event-stream", body: events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") });

test("a stream that ends too early is never shown as a whole answer", async () => {
  const update = { type: "assistant_message.content_part.text_delta", content_index: 0, delta: "Half of an ans" };
  const cut = stream(
    { type: "thread.item.added", item: item("msg_cut", "assistant_message") },
    { type: "an.event.of.tomorrow" },
    { type: "thread.item.updated", item_id: "msg_cut", update },
  );
  await page.route("**/chatkit", (route) => route.fulfill(cut), { times: 1 });

  await composer().fill("hello");
  await composer().press("Enter");

  await seen(page.locator(".assistant_message.cut", { hasText: "Half of an ans" }));
  await seen(page.getByText("The connection was lost before the answer was complete."));
});

test("an error offers another try, and a refused one gives the message back", async () => {
  const thread = { id: "thr_scripted", created_at: "2026-01-01T00:00:00Z", status: { type: "active" }, metadata: {}, items: { data: [], has_more: false } };
  const failed = stream(
    { type: "thread.created", thread },
    { type: "thread.item.done", item: item("msg_asked", "user_message", "hello") },
    { type: "error", code: "custom", message: "The model is not available.", allow_retry: true },
  );
  const refused = { status: 400, contentType: "application/problem+json", body: JSON.stringify({ message: "Not today." }) };
  await page.route("**/chatkit", (route) => route.fulfill(/retry_after_item/.test(route.request().postData()) ? refused : failed));
  await composer().fill("hello");
  await composer().press("Enter");
  await seen(page.getByText("The model is not available."));

  await page.getByRole("button", { name: "Try again" }).click();

  await seen(page.getByText("That message could not be answered again: Not today."));
  assert.equal(await composer().inputValue(), "hello");
});

test("a message over the limit cannot be sent, counted in Unicode scalars", async () => {
  await composer().fill("🥛".repeat(5000));
  assert.ok(await page.getByRole("button", { name: "Send" }).isEnabled());

  await composer().fill("🥛".repeat(5001));

  assert.ok(await page.getByRole("button", { name: "Send" }).isDisabled());
  await seen(page.getByText("5,001 of 5,000 characters"));
});

test("the page fits a small phone in both colour schemes", async () => {
  await page.setViewportSize({ width: 360, height: 640 });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });

    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);

    assert.ok(content <= window, `${content} px wide in a window of ${window} px`);
  }
});
