// The page against scripted answers: what the real server seldom or never says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { base, composer, onDialog, page, seen, send } from "./harness.mjs";

const item = (id, type, text) => ({ id, thread_id: "thr_scripted", created_at: "2026-01-01T00:00:00Z", type, content: text ? [{ type: "input_text", text }] : [] });
const stream = (...events) => ({ contentType: "text/event-stream", body: events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") });

const json = (value, status = 200) => ({ status, contentType: "application/json", body: JSON.stringify(value) });
const thread = (title) => ({ id: "thr_scripted", title, created_at: "2026-01-01T00:00:00Z", status: { type: "active" }, metadata: {}, items: { data: [], has_more: false } });
const done = (item) => ({ type: "thread.item.done", item });
const asked = (id = "msg_asked", text = "hello") => done(item(id, "user_message", text));
const answered = (text) => done({ ...item(`msg_${text}`, "assistant_message"), content: [{ type: "output_text", text, annotations: [] }] });

/** Answers each request in turn by the first answer of its type; gives what was asked, params by params. */
async function script(answers) {
  const requests = [];
  await page.route("**/chatkit", (route) => {
    const { type, params } = route.request().postDataJSON();
    requests.push({ type, params });
    const answer = answers[type]?.shift();
    return answer === "lost" ? route.abort("connectionreset") : route.fulfill(answer ?? json({ message: `${type} was not expected` }, 400));
  });
  return requests;
}

const answer = (text) => page.locator(".assistant_message", { hasText: text });

const form = (inputs, more) => ({ ...item("msg_form", "structured_input"), content: undefined, status: "pending", inputs, ...more });
const choice = (id, question, options, more) => ({ id, question, type: "multiple_choice", options: options.map((value) => ({ value })), multiple: false, ...more });
const open = (...events) => stream({ type: "thread.created", thread: thread() }, asked(), { type: "stream_options", stream_options: { allow_cancel: true } }, ...events);

/** Sends "hello", to which the scripted server answers with a form. */
async function meetForm(inputs, answers) {
  const requests = await script({ "threads.create": [open(done(form(inputs)))], ...answers });
  await send("hello");
  await seen(page.getByRole("button", { name: "Skip" }));
  return requests;
}

const settled = (inputs, status, ...events) =>
  stream({ type: "stream_options", stream_options: { allow_cancel: true } }, { type: "thread.item.replaced", item: form(inputs, { status }) }, ...events);

test("an image of a tool is shown, and nothing else that says it is one", async () => {
  const pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  const drawn = (id, url) => done({ ...item(id, "generated_image"), content: undefined, image: { id, url } });
  const others = ["data:image/svg+xml;base64,PHN2Zy8+", "https://evil.example/i.png", "javascript:alert(1)"];
  const urls = [pixel, ...others];
  await script({ "threads.create": [open(...urls.map((url, index) => drawn(`msg_${index}`, url)), answered("Drawn."))] });
  await send("hello");

  await seen(answer("Drawn."));
  const images = page.locator(".generated_image img");
  assert.deepEqual(await images.evaluateAll((all) => all.map((one) => one.src)), [pixel]);
  assert.ok(await images.first().evaluate((image) => image.naturalWidth === 1));
  assert.equal(await page.getByText("which this page cannot show").count(), others.length);
});

test("a form is answered by keyboard, in place, and then only tells what was said", async () => {
  const milk = choice("q1", "Which milk?", ["Oat <milk>", "Soy milk"]);
  const given = { values: ["Soy milk"], skipped: false };
  const requests = await meetForm([milk], { "threads.add_structured_input": [settled([{ ...milk, answer: given }], "answered", answered("Deleted."))] });
  assert.ok(await page.getByRole("button", { name: "Answer" }).isDisabled());
  assert.equal(await page.locator(".error").count(), 0);

  await page.getByRole("radio", { name: "Oat <milk>" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");

  await seen(answer("Deleted."));
  assert.deepEqual(requests.at(-1), { type: "threads.add_structured_input", params: { thread_id: "thr_scripted", item_id: "msg_form", input: { status: "answered", answers: { q1: given } } } });
  assert.equal(await page.locator(".structured_input").innerText(), "Which milk?\nSoy milk");
  assert.equal(await page.locator(".structured_input form").count(), 0);
  assert.deepEqual(await page.locator("#items > li").evaluateAll((all) => all.map((one) => one.classList[0])), ["user_message", "structured_input", "assistant_message"]);
});

test("a form takes several choices, words of one's own, and questions left open", async () => {
  const inputs = [
    choice("q1", "Which days?", ["Mon", "Tue", "Wed"], { multiple: true }),
    choice("q2", "Which room?", ["Hall", "Attic"]),
    { id: "q3", question: "Why?", type: "freeform", description: "In a word" },
    { id: "q4", question: "Anything else?", type: "freeform" },
  ];
  const requests = await meetForm(inputs, { "threads.add_structured_input": [settled(inputs, "answered", answered("Noted."))] });
  await seen(page.getByText("In a word"));

  await page.getByRole("checkbox", { name: "Mon" }).check();
  await page.getByRole("checkbox", { name: "Wed" }).check();
  await page.getByRole("textbox", { name: "Another answer: Which days?" }).fill(" Sun ");
  await page.getByRole("radio", { name: "Hall" }).check();
  await page.getByRole("textbox", { name: "Another answer: Which room?" }).fill("Garden");
  assert.equal(await page.getByRole("radio", { name: "Hall" }).isChecked(), false);
  await page.getByRole("textbox", { name: "Your answer: Why?" }).fill("Fun");
  await page.getByRole("button", { name: "Answer" }).click();

  await seen(answer("Noted."));
  const given = (...values) => ({ values, skipped: values.length === 0 });
  assert.deepEqual(requests.at(-1).params.input.answers, { q1: given("Mon", "Wed", "Sun"), q2: given("Garden"), q3: given("Fun"), q4: given() });
});

test("a form can be skipped", async () => {
  const why = { id: "q1", question: "Why?", type: "freeform" };
  const skipped = { ...why, answer: { values: [], skipped: true } };
  const requests = await meetForm([why], { "threads.add_structured_input": [settled([skipped], "skipped", answered("As you like."))] });

  await page.getByRole("button", { name: "Skip" }).click();

  await seen(answer("As you like."));
  assert.deepEqual(requests.at(-1).params.input, { status: "skipped", answers: {} });
  assert.equal(await page.locator(".structured_input").innerText(), "Why?\nSkipped");
});

test("a form that could not be sent stays filled in, and can be sent again", async () => {
  const why = { id: "q1", question: "Why?", type: "freeform" };
  const given = { values: ["Fun"], skipped: false };
  await meetForm([why], { "threads.add_structured_input": ["lost", settled([{ ...why, answer: given }], "answered", answered("I see."))] });
  await page.getByRole("textbox", { name: "Your answer: Why?" }).fill("Fun");
  await page.getByRole("button", { name: "Answer" }).click();
  await seen(page.getByText("The server could not be reached."));
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);

  await page.getByRole("button", { name: "Answer" }).click();

  await seen(answer("I see."));
});

test("a plain message instead of an answer settles the form", async () => {
  const why = { id: "q1", question: "Why?", type: "freeform" };
  const skipped = form([{ ...why, answer: { values: [], skipped: true } }], { status: "skipped" });
  await meetForm([why], { "threads.add_user_message": [stream({ type: "thread.item.replaced", item: skipped }, asked("msg_next", "never mind"), answered("All right."))] });

  await send("never mind");

  await seen(answer("All right."));
  await seen(page.locator(".structured_input dd.skipped"));
});

test("a waiting form is there after a reload", async () => {
  const why = { id: "q1", question: "Why?", type: "freeform" };
  const items = { data: [form([why]), asked().item], has_more: false };
  await script({ "threads.get_by_id": [json(thread("Milk"))], "items.list": [json(items)] });

  await page.goto(new URL("?thread=thr_scripted", base).href);

  await seen(page.getByRole("textbox", { name: "Your answer: Why?" }));
  assert.equal(await page.locator(".error").count(), 0);
});

test("another try drops what came after the message, and the new answer takes its place", async () => {
  const retried = stream({ type: "stream_options", stream_options: { allow_cancel: true } }, answered("Second."));
  const failure = { type: "error", code: "custom", message: "It broke.", allow_retry: true };
  const requests = await script({ "threads.create": [open(answered("First."), failure)], "threads.retry_after_item": [retried] });
  await send("hello");

  await page.getByRole("button", { name: "Try again" }).click();

  await seen(answer("Second."));
  assert.deepEqual(requests.at(-1), { type: "threads.retry_after_item", params: { thread_id: "thr_scripted", item_id: "msg_asked" } });
  assert.deepEqual(await page.locator("#items > li").allInnerTexts(), ["hello", "Second."]);
});

test("items are replaced and removed in place, and steps grow", async () => {
  const task = (status_indicator, content) => ({ type: "custom", title: "Look", status_indicator, content });
  const workflow = (...tasks) => ({ ...item("wf_1", "workflow"), workflow: { type: "custom", tasks, expanded: true } });
  const grows = (task) => ({ type: "thread.item.updated", item_id: "wf_1", update: { type: "workflow.task.updated", task_index: 0, task } });
  const cards = ["a", "b"].map(answered).map((event) => event.item);
  await script({
    "threads.create": [open(
      { type: "thread.item.added", item: workflow(task("loading", "1 of 2")) },
      grows(task("loading", "1 of 2\n2 of 2")), grows(task("complete", "Both.")),
      done(workflow(task("complete", "Both."))),
      ...cards.map(done),
      { type: "thread.item.removed", item_id: "msg_a" },
      { type: "thread.item.replaced", item: { ...answered("B").item, id: "msg_b" } },
      { type: "thread.updated", thread: thread("Groceries") },
    )],
  });

  await send("hello");

  await seen(page.locator("li.complete .detail", { hasText: "Both." }));
  await seen(page.getByRole("button", { name: "Groceries" }));
  assert.equal(await page.title(), "Groceries · orchestrator");
  assert.deepEqual(await page.locator(".assistant_message").allInnerTexts(), ["B"]);
});

test("a thread is renamed in the header; Escape leaves the title alone", async () => {
  const requests = await script({ "threads.create": [open(answered("Hi."))], "threads.update": [json(thread("Party <b>"))] });
  await send("hello");
  await page.getByRole("button", { name: "Untitled" }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Untitled" }).click();

  await page.getByRole("textbox", { name: "Title of this conversation" }).fill("Party <b>");
  await page.keyboard.press("Enter");

  await seen(page.getByRole("button", { name: "Party <b>" }));
  assert.equal(await page.title(), "Party <b> · orchestrator");
  assert.deepEqual(requests.slice(1), [{ type: "threads.update", params: { thread_id: "thr_scripted", title: "Party <b>" } }]);
});

test("a thread is deleted once that is confirmed", async () => {
  const requests = await script({ "threads.create": [open(answered("Hi."))], "threads.delete": [json({})] });
  await send("hello");
  await page.getByRole("button", { name: "Untitled" }).click();
  onDialog((dialog) => dialog.dismiss());
  await page.getByRole("button", { name: "Delete" }).click();
  assert.equal(requests.length, 1);

  onDialog((dialog) => dialog.accept());
  await page.getByRole("button", { name: "Delete" }).click();

  await page.waitForURL(base.href);
  await seen(page.locator("#examples"));
  assert.deepEqual(requests[1], { type: "threads.delete", params: { thread_id: "thr_scripted" } });
});

test("a refused title and a refused deletion are told", async () => {
  await script({ "threads.create": [open(answered("Hi."))], "threads.update": [json({ message: "Too rude." }, 400)], "threads.delete": [json({ message: "Not yours." }, 403)] });
  await send("hello");
  await page.getByRole("button", { name: "Untitled" }).click();
  await page.getByRole("textbox", { name: "Title of this conversation" }).fill("Boo");
  await page.keyboard.press("Enter");
  await seen(page.getByText("The title could not be changed. Too rude."));
  await page.getByRole("button", { name: "Untitled" }).click();
  onDialog((dialog) => dialog.accept());

  await page.getByRole("button", { name: "Delete" }).click();

  await seen(page.getByText("The conversation could not be deleted. Not yours."));
});

test("a stream that ends too early is never shown as a whole answer", async () => {
  const update = { type: "assistant_message.content_part.text_delta", content_index: 0, delta: "Half of an ans" };
  const cut = stream(
    { type: "thread.item.added", item: item("msg_cut", "assistant_message") },
    { type: "an.event.of.tomorrow" },
    { type: "thread.item.updated", item_id: "msg_cut", update },
  );
  await page.route("**/chatkit", (route) => route.fulfill(cut), { times: 1 });

  await send("hello");

  await seen(page.locator(".assistant_message.cut", { hasText: "Half of an ans" }));
  await seen(page.getByText("The connection was lost before the answer was complete."));
});

test("an error offers another try, and a refused one gives the message back", async () => {
  const failed = stream(
    { type: "thread.created", thread: thread() },
    { type: "thread.item.done", item: item("msg_asked", "user_message", "hello") },
    { type: "error", code: "custom", message: "The model is not available.", allow_retry: true },
  );
  const refused = { status: 400, contentType: "application/problem+json", body: JSON.stringify({ message: "Not today." }) };
  await page.route("**/chatkit", (route) => route.fulfill(/retry_after_item/.test(route.request().postData()) ? refused : failed));
  await send("hello");
  await seen(page.getByText("The model is not available."));

  await page.getByRole("button", { name: "Try again" }).click();

  await seen(page.getByText("That message could not be answered again: Not today."));
  assert.equal(await composer().inputValue(), "hello");
});

const models = (...ids) => json({ object: "list", data: ids.map((id, place) => ({ id, object: "model", default: place === 0 })) });
const picker = () => page.getByRole("combobox", { name: "Model" });

test("a model is picked for a message, and the thread remembers it", async () => {
  await page.route("**/models", (route) => route.fulfill(models("usual", "other")));
  const begun = open(answered("One."));
  const chosen = { ...item("msg_asked", "user_message", "hello"), inference_options: { model: "other" } };
  const requests = await script({
    "threads.create": [begun],
    "threads.get_by_id": [json(thread("Hello"))],
    "items.list": [json({ data: [{ ...item("msg_One.", "assistant_message"), content: [{ type: "output_text", text: "One.", annotations: [] }] }, chosen], has_more: false })],
    "threads.add_user_message": [stream(asked("msg_more", "more"), answered("Two.")), stream(asked("msg_last", "last"), answered("Three."))],
  });
  await page.reload();
  await seen(picker());
  assert.deepEqual(await picker().locator("option").allInnerTexts(), ["usual", "other"]);
  await picker().selectOption("other");
  await send("hello");
  await seen(answer("One."));

  await page.reload();
  await seen(answer("One."));
  await page.waitForFunction(() => document.querySelector("#model").value === "other");
  await send("more");
  await seen(answer("Two."));
  await picker().selectOption("usual");
  await send("last");
  await seen(answer("Three."));

  const options = requests.filter(({ params }) => params.input).map(({ params }) => params.input.inference_options);
  assert.deepEqual(options, [{ model: "other" }, { model: "other" }, {}]);
});

test("one model, or a list that does not come, is no choice", async () => {
  for (const list of [models("usual"), json({}, 500)]) {
    await page.unroute("**/models");
    await page.route("**/models", (route) => route.fulfill(list));
    const listed = page.waitForResponse("**/models");
    await page.reload();
    await listed;
    await seen(composer());
    assert.equal(await picker().count(), 0);
  }
});

test("a slash lists the prompts that begin so, and arrows, Enter and a click choose one", async () => {
  const prompt = (server, name, more) => ({ server, name, title: null, description: "", arguments: [], available: true, ...more });
  const topic = { name: "topic", description: "", required: true };
  const listed = [
    prompt("todo", "plan"), prompt("notes", "plan"), prompt("notes", "summarise", { title: "<b>Sum up</b>", arguments: [topic] }),
    prompt("notes", "with space"), prompt("away", "gone", { available: false }),
  ];
  await page.route("**/prompts", (route) => route.fulfill(json({ object: "list", data: listed })));
  const requests = await script({ "threads.create": [open(answered("Planned."))] });
  const options = page.getByRole("option");

  await composer().press("/");
  await seen(options);
  assert.deepEqual(await options.locator("strong").allInnerTexts(), ["/todo:plan", "/notes:plan", "/summarise"]);
  await composer().press("s");
  await options.nth(1).waitFor({ state: "detached" });
  assert.match(await options.innerText(), /\/summarise topic\s+<b>Sum up<\/b> · notes/);
  await composer().press("ArrowDown");
  assert.equal(await composer().getAttribute("aria-activedescendant"), await options.getAttribute("id"));
  await composer().press("Enter");
  assert.equal(await composer().inputValue(), "/summarise ");
  assert.equal(await options.count(), 0);

  await composer().fill("/");
  await seen(options);
  await composer().press("Escape");
  assert.equal(await options.count(), 0);
  await composer().fill("/");
  await options.nth(1).click();
  assert.equal(await composer().inputValue(), "/notes:plan");
  await composer().press("Enter");
  await seen(answer("Planned."));
  assert.equal(requests[0].params.input.content[0].text, "/notes:plan");
});
