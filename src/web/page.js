// The built-in chat page: an event changes `state`, and the touched item is painted.
"use strict";

const MAX_CHARS = 5000;
const PAGE = 50;
const PENDING = "pending"; // the id of a user message that the server has not echoed yet
const HEALTH_SECONDS = 5;

const ui = Object.fromEntries([...document.querySelectorAll("[id]")].map((element) => [element.id, element]));

/** Everything the page knows; the page is a picture of it. */
const state = {
  thread: null, // the open thread; null until the first message is taken
  items: [], // what is shown, oldest first: the thread's items, and notices and errors of our own
  earlier: null, // the cursor to older items; null when all are shown
  turn: null, // the running turn: { abort, begun, failed, cancellable, progress, question, form }
};

// ── The wire ────────────────────────────────────────────────────────────────────────────────────

/** The server's refusal, in its own words. */
class Refused extends Error {
  constructor(status, problem) {
    super(problem.message ?? problem.detail ?? `The server answered with status ${status}.`);
    this.status = status;
    this.mayPass = status === 429 || status >= 500;
  }
}

const KEY = "orchestrator.key"; // of this tab alone: other tabs and later visits do not see it
let key = sessionStorage.getItem(KEY);

/** A request with the key, which is asked for when the server wants one and there is somebody to ask. */
async function call(path, { quiet = false, ...options } = {}) {
  for (;;) {
    const used = key;
    const headers = { ...options.headers, ...(used && { authorization: `Bearer ${used}` }) };
    const response = await fetch(path, { ...options, headers });
    // Without a key a 403 is about something else.
    const isRefused = response.status === 401 || (response.status === 403 && Boolean(used));
    if (!isRefused && used) sessionStorage.setItem(KEY, used);
    if (!isRefused || quiet) return response;
    if (used === key && !(await askForKey())) return response;
  }
}

let asking = null;

/** Asks once, however many requests wait; false if the person gives none. */
function askForKey() {
  asking ??= new Promise((resolve) => {
    ui["key-refused"].hidden = !key;
    ui.key.value = "";
    ui["key-dialog"].addEventListener("close", () => resolve(ui.key.value.trim()), { once: true });
    ui["key-dialog"].showModal();
  }).then((given) => {
    asking = null;
    ui.key.value = "";
    if (given) key = given;
    return Boolean(given);
  });
  return asking;
}

async function post(type, params, signal) {
  const metadata = { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  const response = await call("chatkit", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type, params, metadata }),
    signal,
  });
  if (response.ok) return response;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

const ask = async (type, params) => (await post(type, params)).json();

/** The events of a stream: one per blank line; comments and empty frames carry nothing. */
async function* readEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (rest + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
    rest = frames.pop();
    for (const data of frames.map(frameData)) if (data) yield JSON.parse(data);
  }
}

const frameData = (frame) =>
  frame.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5)).join("\n").trim();

// ── Events change the state ─────────────────────────────────────────────────────────────────────

function apply(event) {
  switch (event.type) {
    case "thread.created":
    case "thread.updated": return setThread(event.thread);
    case "thread.item.added": return put(event.item, { open: true });
    case "thread.item.updated": return update(event.item_id, event.update);
    case "thread.item.done": return finish(event.item);
    case "thread.item.replaced": return put(event.item);
    case "thread.item.removed": return remove(find(event.item_id));
    case "stream_options": return setTurn({ cancellable: event.stream_options.allow_cancel });
    case "progress_update": return setTurn({ progress: event.text });
    case "notice": return notice(event.level, event.message, event.title);
    case "error":
      setTurn({ failed: true });
      return fail(event.message ?? "Something went wrong while answering.", event.allow_retry);
  }
}

function setThread(thread) {
  state.thread = thread;
  history.replaceState(null, "", `?thread=${encodeURIComponent(thread.id)}`);
  paintSoon();
}

function setTurn(change) {
  Object.assign(state.turn, change);
  paintSoon();
}

const find = (id) => state.items.findLast((item) => item.id === id);

/** Shows an item, new or known; the server's echo takes the place of the pending message. */
function put(item, { open = false } = {}) {
  let shown = find(item.id) ?? (item.type === "user_message" && find(PENDING));
  if (!shown) state.items.push(shown = {});
  paintSoon(Object.assign(shown, item, { open, cut: false }));
  if (state.turn) state.turn.progress = "";
}

function update(id, change) {
  const item = find(id);
  if (!item) return;
  switch (change.type) {
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done": item.content[change.content_index] = change.content; break;
    case "assistant_message.content_part.text_delta": (item.content[change.content_index] ??= { text: "" }).text += change.delta; break;
    case "workflow.task.added":
    case "workflow.task.updated": item.workflow.tasks[change.task_index] = change.task; break;
  }
  paintSoon(item);
}

function finish(item) {
  put(item);
  if (item.type === "assistant_message") announce(words(item));
  if (item.type === "structured_input") announce(item.inputs.map((input) => input.question).join("\n"));
}

function remove(item) {
  if (!item) return;
  state.items.splice(state.items.indexOf(item), 1);
  elements.get(item)?.remove();
  paintSoon();
}

let ownItems = 0;
const putOwn = (item) => put({ id: `own_${++ownItems}`, ...item });

function notice(level, message, title, retry = null) {
  putOwn({ type: "notice", level, message, title, retry });
  announce([title, message].filter(Boolean).join(": "));
}

/** Says what went wrong, with a way to try again if that may help. */
function fail(message, mayRetry) {
  const question = lastQuestion();
  const unsent = question?.id === PENDING; // its text goes back into the composer
  const again = unsent ? () => ui.composer.requestSubmit() : () => answerAgain(question);
  putOwn({ type: "error", message, unsent, retry: mayRetry && question ? again : null });
  announce(message);
  checkHealth();
}

const lastQuestion = () => state.items.findLast((item) => item.type === "user_message");
const words = (item) => item.content.map((part) => part.text).join("\n\n");

// ── Turns ───────────────────────────────────────────────────────────────────────────────────────

async function send(text) {
  const content = [{ type: "input_text", text }];
  const input = { content, quoted_text: "", attachments: [], inference_options: chosenModel() };
  put({ id: PENDING, type: "user_message", content });
  scrollToEnd();
  if (state.thread) await runTurn("threads.add_user_message", { thread_id: state.thread.id, input });
  else await runTurn("threads.create", { input });
  if (!find(PENDING)) return;
  remove(find(PENDING));
  takeBack(text);
}

/** Asks for a new answer to a message; only once it is on its way do the old ones go. */
const answerAgain = (question) =>
  runTurn("threads.retry_after_item", { thread_id: state.thread.id, item_id: question.id }, { question });

/** Sends a form as it was filled in, or skips it; it stays on the screen until the server has taken it. */
const answerForm = (form, input) =>
  runTurn("threads.add_structured_input", { thread_id: state.thread.id, item_id: form.id, input }, { form });

async function runTurn(type, params, { question = null, form = null } = {}) {
  const abort = new AbortController();
  const turn = (state.turn = { abort, begun: false, failed: false, cancellable: false, progress: "", question, form });
  clearOldErrors();
  focusText();
  paintSoon();
  try {
    const response = await post(type, params, abort.signal);
    turn.begun = true;
    if (question) dropAfter(question);
    for await (const event of readEvents(response.body)) apply(event);
    if (!turn.failed && !isAnswered()) throw new Error("the stream ended before the answer did");
  } catch (error) {
    explain(error, turn);
  } finally {
    abort.abort();
    cutOpenItems();
    state.turn = null;
    paintSoon();
  }
}

function explain(error, turn) {
  const formStays = turn.form && !turn.begun; // with its own button to send it again
  if (turn.abort.signal.aborted) return explainStop();
  if (error instanceof Refused && turn.question && !error.mayPass) return explainNoRetry(error, turn.question);
  if (error instanceof Refused) return fail(error.message, error.mayPass && !formStays);
  console.warn(error);
  fail(turn.begun ? "The connection was lost before the answer was complete." : "The server could not be reached.", !formStays);
}

function explainStop() {
  const question = lastQuestion();
  const kept = question && question.id !== PENDING;
  notice("info", "Stopped.", undefined, kept ? () => answerAgain(question) : null);
}

function explainNoRetry(error, question) {
  takeBack(words(question));
  fail(`That message could not be answered again: ${error.message} It is back in the box below, ready to be sent once more.`, false);
}

/** What the server puts behind an answer that was cut. */
const CUT_MARK = "*[cut off here]*";

/** A turn is whole when something other than a question or steps came last, and came whole; a form ends it while it waits. */
function isAnswered() {
  const last = state.items.findLast((item) => item.type !== "notice" && item.type !== "error");
  if (!last || last.open) return false;
  if (last.type === "assistant_message") return !words(last).endsWith(CUT_MARK);
  return last.type === "structured_input" ? last.status === "pending" : !["user_message", "workflow"].includes(last.type);
}

function cutOpenItems() {
  for (const item of state.items.filter((item) => item.open)) paintSoon(Object.assign(item, { open: false, cut: true }));
}

function dropAfter(question) {
  state.items.slice(state.items.indexOf(question) + 1).forEach(remove);
}

function clearOldErrors() {
  state.items.filter((item) => item.unsent).forEach(remove);
  for (const item of state.items.filter((item) => item.retry)) paintSoon(Object.assign(item, { retry: null }));
}

/** Puts a message back to where it was written, above what was written since. */
function takeBack(text) {
  setDraft([text, ui.text.value].filter(Boolean).join("\n"));
}

// ── Threads ─────────────────────────────────────────────────────────────────────────────────────

async function openThread(id) {
  state.thread = { id };
  try {
    const [thread] = await Promise.all([ask("threads.get_by_id", { thread_id: id }), loadEarlier(id)]);
    setThread(thread);
    chooseAsBefore();
    if (state.items.length && !isAnswered()) fail("This message has no complete answer.", true);
  } catch (error) {
    if (error.status === 404) return startAfresh();
    putOwn({ type: "error", message: `The conversation could not be loaded. ${error.message}`, retry: () => location.reload() });
  }
}

function startAfresh() {
  state.thread = null;
  history.replaceState(null, "", ".");
  notice("info", "This conversation is not here: it was deleted, or the link is incomplete. You can start a new one below.");
}

function startRename() {
  ui.name.value = state.thread.title ?? "";
  showRename(true);
  ui.name.select();
}

function showRename(shown) {
  ui.rename.hidden = !shown;
  ui.heading.hidden = ui["open-drawer"].hidden = ui["new-chat"].hidden = shown;
  (shown ? ui.name : ui.title).focus();
}

async function rename(title) {
  setThread({ ...state.thread, ...(await ask("threads.update", { thread_id: state.thread.id, title })) });
}

async function deleteThread() {
  if (!confirm("Delete this conversation for good?")) return;
  state.turn?.abort.abort();
  await ask("threads.delete", { thread_id: state.thread.id });
  location.assign(".");
}

async function loadEarlier(id) {
  const page = await ask("items.list", { thread_id: id, order: "desc", limit: PAGE, after: state.earlier ?? undefined });
  const fromEnd = ui.scroller.scrollHeight - ui.scroller.scrollTop;
  const older = page.data.reverse().filter((item) => !find(item.id));
  state.items.unshift(...older);
  state.earlier = page.has_more ? page.after : null;
  ui.items.prepend(...older.map(paintItem));
  ui.scroller.scrollTop = ui.scroller.scrollHeight - fromEnd;
  paintSoon();
}

async function listThreads(after) {
  const page = await ask("threads.list", { limit: PAGE, order: "desc", after });
  const links = page.data.map((thread) => element("li", threadLink(thread)));
  if (after) ui.threads.append(...links);
  else ui.threads.replaceChildren(...(links.length ? links : [element("li", "None yet.")]));
  ui["more-threads"].hidden = !page.has_more;
  ui["more-threads"].onclick = () => showThreads(page.after);
}

function threadLink(thread) {
  const begun = new Date(thread.created_at);
  const link = element("a", thread.title ?? "Untitled", element("time", begun.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })));
  link.href = `?thread=${encodeURIComponent(thread.id)}`;
  if (thread.id === state.thread?.id) link.setAttribute("aria-current", "page");
  return link;
}

const showThreads = (after) =>
  listThreads(after).catch((error) => ui.threads.replaceChildren(element("li", `They could not be listed. ${error.message}`)));

// ── Models ──────────────────────────────────────────────────────────────────────────────────────

/** A choice is shown where there is one. */
async function offerModels() {
  const models = await call("models").then((response) => response.json()).catch(() => ({}));
  const ids = (models.data ?? []).map(({ id }) => id);
  ui.model.replaceChildren(...ids.map((id) => Object.assign(element("option", id), { value: id })));
  ui.model.hidden = ids.length < 2;
  chooseAsBefore();
}

/** The thread remembers: what was chosen for its newest message is chosen for the next. */
function chooseAsBefore() {
  const ids = [...ui.model.options].map(({ value }) => value);
  ui.model.selectedIndex = Math.max(0, ids.indexOf(lastQuestion()?.inference_options?.model));
}

/** The first is the usual one, and no choice. */
const chosenModel = () => (ui.model.selectedIndex > 0 ? { model: ui.model.value } : {});

// ── Prompts ─────────────────────────────────────────────────────────────────────────────────────

const MAX_OFFERED = 20;
let prompts = Promise.resolve([]); // asked for with each slash that begins a message

/** While a slash and a part of a name are all that is written, the prompts that begin so are offered. */
async function offerPrompts() {
  const text = ui.text.value;
  if (text === "/") prompts = call("prompts", { quiet: true }).then((response) => response.json()).catch(() => ({})).then(commands);
  const known = /^\/\S*$/.test(text) ? await prompts : [];
  if (ui.text.value === text) showPrompts(known.filter(({ command }) => command.startsWith(text)).slice(0, MAX_OFFERED));
}

/** What starts each prompt: its name, with the server's where the name alone could mean several. */
function commands({ data = [] }) {
  const usable = data.filter(({ name, available }) => available && !/\s/.test(name));
  const isAlone = (name) => usable.filter((other) => other.name === name).length === 1;
  return usable.map((prompt) => ({ ...prompt, command: isAlone(prompt.name) ? `/${prompt.name}` : `/${prompt.server}:${prompt.name}` }));
}

function showPrompts(offered) {
  ui.prompts.replaceChildren(...offered.map(promptOption));
  ui.prompts.hidden = offered.length === 0;
  choosePrompt(null);
}

function promptOption({ command, server, title, description, arguments: wanted }, index) {
  const names = wanted.map(({ name, required }) => (required ? name : `[${name}]`)).join(" ");
  const about = [title, description, server].filter(Boolean).join(" · ");
  const option = element("li", element("strong", command), names && ` ${names}`, element("small", about));
  option.onmousedown = (event) => { // before the text loses the focus
    event.preventDefault();
    takePrompt(option);
  };
  return Object.assign(option, { id: `prompt-${index}`, role: "option", text: wanted.length ? `${command} ` : command });
}

const chosenPrompt = () => ui.prompts.querySelector("[aria-selected=true]");

function choosePrompt(option) {
  for (const other of ui.prompts.children) other.setAttribute("aria-selected", other === option);
  option?.scrollIntoView({ block: "nearest" });
  if (option) ui.text.setAttribute("aria-activedescendant", option.id);
  else ui.text.removeAttribute("aria-activedescendant");
}

function takePrompt(option) {
  setDraft(option.text);
  showPrompts([]);
}

/** Whether a key was meant for the list of prompts. */
function usePromptKey(key) {
  const options = [...ui.prompts.children];
  const step = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (ui.prompts.hidden) return false;
  if (step) choosePrompt(options.at((options.indexOf(chosenPrompt()) + step + (step < 0 && !chosenPrompt())) % options.length));
  else if (key === "Escape") showPrompts([]);
  else if (key === "Enter" && chosenPrompt()) takePrompt(chosenPrompt());
  else return false;
  return true;
}

// ── Health ──────────────────────────────────────────────────────────────────────────────────────

let nextCheck;
async function checkHealth() {
  clearTimeout(nextCheck);
  const health = await call("health", { quiet: true }).then(readHealth).catch(() => null);
  const remarks = health ? remarksOn(health) : ["The server cannot be reached at the moment."];
  ui.banner.replaceChildren(...remarks.map((remark) => element("p", remark)));
  ui.banner.hidden = remarks.length === 0;
  clearTimeout(nextCheck);
  if (health?.status !== "ok") nextCheck = setTimeout(checkHealth, HEALTH_SECONDS * 1000);
}

/** Whoever is not let in yet learns nothing of it. */
const readHealth = (response) => (response.ok ? response.json() : { status: response.status < 500 ? "ok" : "degraded" });

function remarksOn({ status, model, breakers = {}, mcp = {} }) {
  const paused = Object.entries(breakers).filter(([, breaker]) => breaker.state !== "closed").map(pauseRemark);
  const missing = Object.entries(mcp).filter(([, server]) => !server.connected).map(([name]) => `The tools of “${name}” are not connected.`);
  const faults = [...paused, ...missing];
  if (status !== "ok" && faults.length === 0) faults.push(`The server says that it is ${status}.`);
  return model?.offline ? ["Offline demo model: set GEMINI_API_KEY for the real one.", ...faults] : faults;
}

function pauseRemark([name, breaker]) {
  const wait = Math.ceil(breaker.retry_in_seconds ?? 0);
  const what = name === "model" ? "The model" : `“${name.replace(/^mcp:/, "")}”`;
  return `${what} is paused after ${breaker.consecutive_failures} failures${wait ? `; next try in ${wait} s` : ""}.`;
}

// ── The state is painted ────────────────────────────────────────────────────────────────────────

const elements = new WeakMap(); // item → its element
const touched = new Set();
let frame = 0;

function paintSoon(item) {
  if (item) touched.add(item);
  frame ||= requestAnimationFrame(paint);
}

function paint() {
  frame = 0;
  const follows = ui.scroller.scrollHeight - ui.scroller.scrollTop - ui.scroller.clientHeight < 60;
  for (const item of touched) if (state.items.includes(item)) paintItem(item);
  touched.clear();
  paintFrame();
  if (follows) scrollToEnd();
}

function paintFrame() {
  const { thread, turn, items } = state;
  ui.title.textContent = thread?.title ?? (thread?.created_at ? "Untitled" : "orchestrator");
  ui.title.disabled = !thread?.created_at; // known to the server
  ui.title.title = ui.title.disabled ? "" : "Rename or delete";
  document.title = thread?.title ? `${thread.title} · orchestrator` : "orchestrator";
  ui.greeting.hidden = Boolean(thread) || items.some((item) => item.type !== "notice");
  ui.earlier.hidden = !state.earlier;
  ui.progress.hidden = !turn || (!turn.progress && items.some((item) => item.open));
  ui.progress.textContent = turn?.progress || "Waiting for the answer…";
  ui.stop.hidden = !turn?.cancellable;
  ui.send.hidden = !ui.stop.hidden;
  paintComposer();
  for (const form of ui.items.querySelectorAll("form")) form.inert = Boolean(turn) || ui.text.disabled;
}

function paintComposer() {
  const { text, counter } = ui;
  const chars = [...text.value].length; // Unicode scalars, as the server counts
  const { type, reason } = state.thread?.status ?? {};
  text.disabled = type === "locked" || type === "closed";
  text.placeholder = text.disabled ? (reason ?? "This conversation is closed.") : "Write a message";
  counter.textContent = chars > MAX_CHARS * 0.9 ? `${chars.toLocaleString()} of ${MAX_CHARS.toLocaleString()} characters` : "";
  counter.classList.toggle("over", chars > MAX_CHARS);
  ui.send.disabled = !maySend();
}

function maySend() {
  const chars = [...ui.text.value].length;
  return !state.turn && !ui.text.disabled && ui.text.value.trim() !== "" && chars <= MAX_CHARS;
}

function setDraft(text) {
  ui.text.value = text;
  fitComposer();
}

function fitComposer() {
  ui.text.style.height = "auto";
  ui.text.style.height = `${ui.text.scrollHeight}px`;
  paintComposer();
}

function paintItem(item) {
  if (!elements.has(item)) elements.set(item, ui.items.appendChild(element("li")));
  const li = elements.get(item);
  const view = Object.hasOwn(views, item.type) ? views[item.type] : views.unknown;
  if (li.shownType !== item.type) li.replaceChildren(); // an item may be replaced by one of another type
  li.shownType = item.type;
  li.className = [item.type, item.open && "open", item.cut && "cut"].filter(Boolean).join(" ");
  view(li, item);
  return li;
}

const views = {
  user_message(li, item) {
    li.textContent = words(item);
  },
  assistant_message(li, item) {
    markdown(li, words(item));
  },
  workflow(li, item) {
    const { tasks } = item.workflow;
    const details = li.firstElementChild ?? li.appendChild(element("details", element("summary"), element("ol")));
    const [summary, steps] = details.children;
    if (item.workflow.expanded || (hasSteps(item) && !details.dataset.shown)) details.open = details.dataset.shown = true;
    summary.textContent = workflowTitle(item);
    reconcile(steps, tasks.map((task) => stepKey(task, item.open)), (index) => stepElement(tasks[index], item.open));
    tasks.forEach((task, index) => markdown(steps.children[index].querySelector(".detail"), task.content ?? ""));
  },
  structured_input(li, item) {
    const key = JSON.stringify([item.status, item.inputs]); // what is typed already must outlive a new painting
    if (li.shownKey === key && li.hasChildNodes()) return;
    li.shownKey = key;
    li.replaceChildren(item.status === "pending" ? formElement(item) : answersElement(item));
  },
  generated_image(li, { image }) {
    if (li.shownKey === image?.url && li.hasChildNodes()) return;
    li.shownKey = image?.url;
    li.replaceChildren(isPicture(image?.url) ? Object.assign(element("img"), { src: image.url, alt: "An image from a tool" }) : "(an image, which this page cannot show)");
  },
  notice(li, { level, title, message, retry }) {
    li.classList.add(level);
    li.replaceChildren(...(title ? [element("strong", title)] : []), markdown(element("div"), message), ...(retry ? [button("Try again", retry)] : []));
  },
  error(li, { message, retry }) {
    li.replaceChildren(markdown(element("div"), message), ...(retry ? [button("Try again", retry)] : []));
  },
  end_of_turn() {},
  unknown(li, item) {
    li.classList.add("unknown");
    li.textContent = `(a ${item.type.replaceAll("_", " ")}, which this page cannot show)`;
  },
};

/** With its bytes in it, and of a kind that cannot act: no SVG, and nothing is fetched. */
const isPicture = (url) => /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]+$/.test(url ?? "");

const hasSteps = ({ workflow }) => workflow.tasks.some((task) => task.type !== "thought");

function workflowTitle(item) {
  const { tasks, summary } = item.workflow;
  if (item.open) return hasSteps(item) ? "Working…" : "Thinking…";
  if (summary?.title) return summary.title;
  const took = summary?.duration ? ` for ${summary.duration} s` : "";
  if (!hasSteps(item)) return `Thought${took || " for a moment"}`;
  const count = tasks.filter((task) => task.type !== "thought").length;
  return `Worked${took}: ${count} ${count === 1 ? "step" : "steps"}`;
}

const STEP_MARKS = {
  loading: { sign: "", spoken: "running" },
  complete: { sign: "✓", spoken: "done" },
  failed: { sign: "!", spoken: "failed" },
};

/** What of a step is built anew when it changes; its content grows in place. */
const stepKey = (task, isOpen) => JSON.stringify([task.type, task.title, stepStatus(task, isOpen)]);

function stepElement(task, isOpen) {
  const detail = element("div.detail");
  if (task.type === "thought") return element("li.thought", detail);
  const status = stepStatus(task, isOpen);
  const { sign, spoken } = STEP_MARKS[status];
  const mark = Object.assign(element("span.mark", sign), { ariaHidden: "true" });
  const title = element("div.step-title", task.title ?? task.type, element("span.visually-hidden", ` (${spoken})`));
  return element(`li.${status}`, mark, element("div", title, detail));
}

/** A step that is over without being complete has failed; its content says why. */
function stepStatus(task, isOpen) {
  if (task.status_indicator === "complete") return "complete";
  return task.status_indicator === "loading" && isOpen ? "loading" : "failed";
}

// ── Forms ───────────────────────────────────────────────────────────────────────────────────────

function formElement(item) {
  const form = element("form", item.inputs.map(questionElement));
  const answer = Object.assign(element("button.primary", "Answer"), { disabled: true });
  form.append(answer, button("Skip", () => submitForm(item, { status: "skipped", answers: {} })));
  form.addEventListener("input", ({ target }) => {
    settleChoice(target);
    answer.disabled = [...form.elements].every((field) => fieldValues(field).length === 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!answer.disabled) submitForm(item, { status: "answered", answers: formAnswers(form, item) });
  });
  return form;
}

const submitForm = (item, input) => state.turn || answerForm(item, input);

/** One question: its options, and always room for words of one's own. */
function questionElement(input) {
  const { question, description, options = [], multiple } = input;
  const name = `answer_${input.id}`;
  const choices = options.map(({ value }) =>
    element("label", Object.assign(element("input"), { type: multiple ? "checkbox" : "radio", name, value }), element("span", value)));
  const own = Object.assign(element("input"), { type: "text", name, maxLength: MAX_CHARS, autocomplete: "off" });
  own.placeholder = choices.length ? "Another answer" : "Your answer";
  own.ariaLabel = `${own.placeholder}: ${question}`;
  return element("fieldset", element("legend", question), description ? element("p", description) : [], choices, own);
}

/** Of one choice and words of one's own, the later stands. */
function settleChoice({ type, name, form }) {
  const fields = [...form.elements].filter((field) => field.name === name);
  if (type === "text") fields.filter((field) => field.type === "radio").forEach((radio) => (radio.checked = false));
  if (type === "radio") fields.filter((field) => field.type === "text").forEach((own) => (own.value = ""));
}

function formAnswers(form, item) {
  const values = ({ id }) => [...form.elements].filter((field) => field.name === `answer_${id}`).flatMap(fieldValues);
  const answer = (input) => ({ values: values(input), skipped: values(input).length === 0 });
  return Object.fromEntries(item.inputs.map((input) => [input.id, answer(input)]));
}

function fieldValues({ type, checked, value }) {
  if (type === "radio" || type === "checkbox") return checked ? [value] : [];
  return type === "text" && value.trim() ? [value.trim()] : [];
}

function answersElement({ inputs }) {
  return element("dl", inputs.flatMap(({ question, answer }) => {
    const said = answer?.values?.join(", ");
    return [element("dt", question), said ? element("dd", said) : element("dd.skipped", "Skipped")];
  }));
}

/** Not where it would call up a keyboard on the screen. */
function focusText() {
  if (matchMedia("(hover: hover)").matches) ui.text.focus();
}

function announce(text) {
  ui.announcer.replaceChildren(element("span", text));
}

function scrollToEnd() {
  ui.scroller.scrollTop = ui.scroller.scrollHeight;
}

// ── Building elements: text is only ever appended as text, never parsed as HTML ─────────────────

/** `element("span.mark", "✓")`: a tag, its class if any, its children. */
function element(selector, ...children) {
  const [tag, className = ""] = selector.split(".");
  const made = Object.assign(document.createElement(tag), { className });
  for (const child of children.flat()) made.append(child);
  return made;
}

function button(label, onclick) {
  return Object.assign(element("button", label), { type: "button", onclick });
}

/** Brings the children in line with `keys`; a child whose key is unchanged stays as it is. */
function reconcile(parent, keys, build) {
  keys.forEach((key, index) => {
    const old = parent.children[index];
    if (old && old.reconcileKey === key) return;
    const made = Object.assign(build(index), { reconcileKey: key });
    if (old) old.replaceWith(made);
    else parent.append(made);
  });
  while (parent.children.length > keys.length) parent.lastElementChild.remove();
}

// ── Markdown: paragraphs, headings, lists, code, emphasis, links ────────────────────────────────

const FENCE = /^\s*```/;
const HEADING = /^#{1,6}\s+/;
const LIST_ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(?:\[([ xX])\]\s+)?/;
const INLINE = new RegExp([
  "\\\\(?<escaped>[\\\\`*_~#\\[\\]()<>.!+-])",
  "`(?<code>[^`\\n]{1,2000})`",
  "\\*\\*(?=\\S)(?<strong>.{1,2000}?)\\*\\*",
  "~~(?<s>[^~\\n]{1,2000})~~",
  "(?<![\\w*])\\*(?=\\S)(?<em>[^*\\n]{1,2000})\\*(?!\\w)",
  "(?<!\\w)_(?=\\S)(?<em2>[^_\\n]{1,2000})_(?!\\w)",
  "\\[(?<label>[^\\]\\n]{1,500})\\]\\((?<url>https?://[^\\s()]{1,2000})\\)",
  "(?<bare>https?://[^\\s<>\"]{0,2000}[^\\s<>\"'.,;:!?)\\]*_`~])",
].join("|"), "gi");

function markdown(parent, source) {
  const blocks = splitBlocks(source);
  parent.classList.add("markdown");
  reconcile(parent, blocks.map((block) => block.kind + block.lines.join("\n")), (index) => blockElement(blocks[index]));
  return parent;
}

function splitBlocks(source) {
  const blocks = [];
  let open = null; // the block that the next line may join
  for (const line of source.split("\n")) {
    const kind = open?.kind === "code" ? "code" : blockKind(line, open);
    if (kind === "blank") open = null;
    else if (open?.kind === kind && kind !== "heading") open.lines.push(line);
    else blocks.push(open = { kind, lines: [line] });
    if (kind === "code" && open.lines.length > 1 && FENCE.test(line)) open = null;
  }
  return blocks;
}

function blockKind(line, open) {
  const item = LIST_ITEM.exec(line);
  if (FENCE.test(line)) return "code";
  if (line.trim() === "") return "blank";
  if (/^[uo]l$/.test(open?.kind) && /^\s/.test(line)) return open.kind;
  if (item) return item[2] ? "ol" : "ul";
  return HEADING.test(line) ? "heading" : "text";
}

function blockElement({ kind, lines }) {
  switch (kind) {
    case "code": return element("pre", element("code", lines.slice(1, FENCE.test(lines.at(-1)) && lines.length > 1 ? -1 : undefined).join("\n")));
    case "heading": return element("h3", inline(lines[0].replace(HEADING, "")));
    case "text": return element("p", inline(lines.join("\n")));
    default: return listElement(kind, lines);
  }
}

/** A list; a deeper indent opens a list inside the item before it. */
function listElement(kind, lines) {
  const levels = [{ indent: 0, list: element(kind) }];
  for (const line of lines) {
    const [marker, space, number, box] = LIST_ITEM.exec(line) ?? [];
    while (levels.length > 1 && space?.length < levels.at(-1).indent) levels.pop();
    const { indent, list } = levels.at(-1);
    const parent = list.lastElementChild;
    if (marker === undefined) { parent.append("\n", element("span", inline(line.trim()))); continue; }
    const isDeeper = parent && space.length > indent + 1 && levels.length < 6;
    if (isDeeper) levels.push({ indent: space.length, list: parent.appendChild(element(number ? "ol" : "ul")) });
    const target = levels.at(-1).list;
    if (number && !target.hasChildNodes()) target.start = number;
    target.append(element("li", box ? (box === " " ? "☐ " : "☑ ") : "", inline(line.slice(marker.length))));
  }
  return levels[0].list;
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, match.index), inlineNode(match.groups));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

function inlineNode({ escaped, code, strong, s, em, em2, label, url, bare }) {
  if (escaped) return escaped;
  if (code) return element("code", code);
  if (strong) return element("strong", inline(strong));
  if (s) return element("s", inline(s));
  if (em ?? em2) return element("em", inline(em ?? em2));
  const href = url ?? bare; // http and https alone, as INLINE has it
  return Object.assign(element("a", label ?? href), { href, title: href, target: "_blank", rel: "noopener noreferrer" });
}

// ── People act ──────────────────────────────────────────────────────────────────────────────────

ui.composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!maySend()) return;
  const text = ui.text.value;
  setDraft("");
  showPrompts([]);
  send(text);
});
ui.text.addEventListener("keydown", (event) => {
  if (!event.isComposing && usePromptKey(event.key)) return event.preventDefault();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ui.composer.requestSubmit();
});
ui.text.addEventListener("input", fitComposer);
ui.text.addEventListener("input", offerPrompts);
ui.text.addEventListener("blur", () => showPrompts([]));
ui.stop.addEventListener("click", () => {
  state.turn?.abort.abort();
  focusText();
});
ui.title.addEventListener("click", startRename);
ui.rename.addEventListener("submit", (event) => {
  event.preventDefault();
  const title = ui.name.value.trim();
  if (title) rename(title).catch((error) => fail(`The title could not be changed. ${error.message}`, false));
  showRename(false);
});
ui.rename.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") showRename(false);
});
ui.delete.addEventListener("click", () =>
  deleteThread().catch((error) => fail(`The conversation could not be deleted. ${error.message}`, false)));
ui.examples.addEventListener("click", ({ target }) => {
  if (target.matches("button") && !state.turn) send(target.textContent);
});
ui.earlier.addEventListener("click", () => loadEarlier(state.thread.id).catch((error) => fail(error.message, false)));
ui["open-drawer"].addEventListener("click", () => {
  ui.drawer.showModal();
  showThreads();
});
ui["key-dialog"].addEventListener("cancel", () => (ui.key.value = ""));
ui.drawer.addEventListener("click", ({ target }) => {
  if (target === ui.drawer) ui.drawer.close();
});

checkHealth();
offerModels();
const linked = new URLSearchParams(location.search).get("thread");
if (linked) openThread(linked);
else paintSoon();
