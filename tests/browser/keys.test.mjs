// The page of a server that asks who calls: KEYED_URL and a KEY of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answers, page, seen, send, visit } from "./harness.mjs";

const { KEYED_URL: url, KEY: key } = process.env;
const skip = url && key ? false : "KEYED_URL and KEY are not set";
const field = () => page.getByLabel("Your key or token");
const enter = async (text) => {
  await field().fill(text);
  await field().press("Enter");
};

test("a key is asked for once, kept in the tab, and asked for again where it is wrong", { skip }, async () => {
  await visit(url);
  await seen(field());
  await enter("ork_\u200bpasted");
  assert.equal(await field().isVisible(), true, "no such key can be sent");
  await enter("ork_000000000000_wrong");
  await seen(page.getByText("This key is not known here"));
  await enter(key);
  await page.getByLabel("Your key or token").waitFor({ state: "hidden" });

  await send("add milk");
  await seen(answers());
  await page.reload();
  await seen(answers());
  assert.equal(await field().isVisible(), false, "this tab knows it");

  const other = await page.context().newPage();
  await other.goto(url);
  await seen(other.getByLabel("Your key or token"));
  assert.equal(await other.evaluate(() => localStorage.length + document.cookie.length), 0);
});
