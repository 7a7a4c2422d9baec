// A fresh page in a real browser for each test, and what every test needs of it.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";

export const base = new URL(process.env.BASE_URL ?? "http://127.0.0.1:8000/");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export let page;
let browser, context, faults, answerDialog, home;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
});

after(() => browser?.close());

beforeEach(async () => {
  context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin" });
  context.setDefaultTimeout(20_000);
  faults = [];
  home = base;
  answerDialog = (dialog) => { faults.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); };
  page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("dialog", (dialog) => answerDialog(dialog));
  page.on("console", (message) => /Content Security Policy/i.test(message.text()) && faults.push(message.text()));
  page.on("request", (request) => isForeign(request.url()) && faults.push(`foreign request: ${request.url()}`));
  await page.goto(base.href);
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(faults, []);
});

const isForeign = (url) => !url.startsWith("data:") && new URL(url).origin !== home.origin;

/** Opens the page of another server. */
export const visit = (url) => {
  home = new URL(url);
  return page.goto(home.href);
};

export const composer = () => page.getByRole("textbox", { name: "Message" });
export const answers = () => page.locator(".assistant_message:not(.open)");
export const seen = (locator) => locator.first().waitFor();

/** Lets a test answer the next questions of the browser; those that nobody expects are faults. */
export const onDialog = (handler) => (answerDialog = handler);

/** Sends a message, without waiting for its answer. */
export async function send(text) {
  await composer().fill(text);
  await composer().press("Enter");
}
