import { expect, test } from "vitest";

import { type Erasure, stillMissing } from "../src/pages/erasure-data.ts";
import { t } from "../src/strings.ts";

const erasure: Erasure = {
  id: "e", scope: "post", target: "p", reason: "", by: "asha", at: 1, posts: 1, regions: 20,
  receipts: [], missing: ["br", "de"],
};

test("what came live is missing no more, also what nobody waits for", () => {
  expect(stillMissing(erasure, [])).toEqual(["br", "de"]);
  expect(stillMissing(erasure, ["de", "in"])).toEqual(["br"]);
  expect(stillMissing(erasure, ["de", "br"])).toEqual([]);
});

test("progress is said in words", () => {
  expect(`${t.erasedIn(19, 20)}, ${t.erasureMissing(["BR"])}`).toBe("19 of 20 regions, BR missing");
  expect(t.erasedIn(1, 1)).toBe("1 of 1 region");
});
