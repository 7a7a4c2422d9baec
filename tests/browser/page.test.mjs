// The built-in page in a real browser, against a running server with the offline model:
//   BASE_URL=http://127.0.0.1:8000 node --test
// CHROMIUM names the browser (default /usr/bin/chromium). Every test waits for what it wants to see, never for time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, base, composer, page, seen, send } from "./harness.mjs";

const unique = (word) => `${word} ${Array.from({ length: 6 }, () => "bcdfghjklmnpqrstvwxz"[Math.floor(Math.random() * 20)]).join("")}`;
const steps = () => page.locator(".workflow:not(.open) li.complete");

/** Sends a message and waits for its whole answer. */
async function say(text) {
  const answer = answers().nth(await answers().count());
  await send(text);
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

test("a name that fits several todos is asked back by a form, and the choice alone is done", async () => {
  const word = unique("milk").split(" ")[1];
  await say(`add oat ${word} and soy ${word}`);

  await send(`delete ${word}`);
  await page.locator(".structured_input").getByText(new RegExp(`oat ${word}`, "i")).click();
  await page.getByRole("button", { name: "Answer" }).click();
  const approve = page.locator(".structured_input").getByText("Approve", { exact: true }).last();
  await approve.waitFor();
  await page.reload();
  await approve.click();
  const answer = answers().nth(await answers().count());
  await page.getByRole("button", { name: "Answer" }).click();
  await answer.waitFor();

  assert.match(await answer.innerText(), new RegExp(`deleted .oat ${word}`, "i"));
  const list = (await say("what is on my list?")).toLowerCase();
  assert.ok(list.includes(`soy ${word}`) && !list.includes(`oat ${word}`), list);
});

test("the title is in the header after the first answer, and the person may change it", async () => {
  await say("hello there");
  await seen(page.getByRole("button", { name: "Hello there" }));

  await page.getByRole("button", { name: "Hello there" }).click();
  await page.getByRole("textbox", { name: /title/i }).fill("Greetings");
  await page.keyboard.press("Enter");
  await seen(page.getByRole("button", { name: "Greetings" }));
  await page.reload();

  await seen(page.getByRole("button", { name: "Greetings" }));
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

test("a stopped answer is marked as cut off, and offers another try", async () => {
  await page.evaluate(readSlowly);
  await send("what can you do?");
  await page.locator(".assistant_message.open", { hasText: "offline" }).waitFor();

  await page.getByRole("button", { name: "Stop" }).click();

  await seen(page.locator(".assistant_message.cut"));
  await seen(page.locator(".notice", { hasText: "Stopped." }).getByRole("button", { name: "Try again" }));
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
  await send("hello");
  await seen(page.getByText("The server could not be reached."));
  assert.equal(await composer().inputValue(), "hello");

  await page.getByRole("button", { name: "Try again" }).click();

  await seen(answers());
  assert.equal(await page.locator(".error").count(), 0);
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
