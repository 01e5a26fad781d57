/** tests/vectors/sdk: decisions both SDKs take alike, whatever language they are written in. */

import { describe, expect, test } from "vitest";

import backoffs from "../../../tests/vectors/sdk/backoff.json";
import choices from "../../../tests/vectors/sdk/choice.json";
import gaps from "../../../tests/vectors/sdk/gap.json";
import stories from "../../../tests/vectors/sdk/places.json";
import refusals from "../../../tests/vectors/sdk/refusals.json";
import { backoff } from "../src/backoff.ts";
import { Choice, type Failure, type Remembered } from "../src/choice.ts";
import type { ServerFrame } from "../src/frames.ts";
import { Gap } from "../src/gap.ts";
import { Places } from "../src/places.ts";
import { errorOf } from "../src/requests.ts";
import { eventFrame, welcomeFrame } from "./fakes.ts";

test.each(backoffs)("attempt $attempt with advice $retry_ms and luck $chance waits $wait_ms", (one) => {
  expect(backoff(one.attempt, one.retry_ms, one.chance)).toBe(one.wait_ms);
});

describe("transports", () => {
  test.each(choices)("$about", ({ known, age_ms: age = 0, steps }) => {
    const remembered = known === undefined ? null : ({ transport: known, at: 0 } as Remembered);
    const choice = new Choice(remembered, age);
    for (const step of steps) {
      if (step.do === "failed") expect(choice.failed(step.how as Failure)).toBe(step.at_once);
      if (step.do === "welcomed") expect(choice.welcomed()).toBe(step.news);
      if (step.do === "try_websocket") choice.tryWebsocket();
      expect(choice.transport).toBe(step.transport);
      if (step.patience_ms !== undefined) expect(choice.patience).toBe(step.patience_ms);
      if (step.again_ms !== undefined) expect(choice.againMs).toBe(step.again_ms);
    }
  });
});

describe("gaps", () => {
  test.each(gaps)("$about", ({ steps }) => {
    const gap = new Gap();
    for (const step of steps) {
      if (step.failed === undefined) expect(gap.judge(step.frame as unknown as ServerFrame)).toBe(step.verdict);
      else expect(gap.failed(step.failed)).toBe(step.times);
    }
  });
});

describe("refused requests", () => {
  test.each(refusals)("$about", async ({ status, retry_after: after, body, error, ends }) => {
    const heard = errorOf(new Response(body, { status, headers: after === undefined ? {} : { "retry-after": after } }));
    if (error !== undefined) return expect(await heard).toMatchObject(error);
    const { code, retry_ms: retryMs } = ends!;
    await expect(heard).rejects.toMatchObject({ end: { code, ...(retryMs > 0 ? { retryMs } : {}) } });
  });
});

// oxlint-disable-next-line typescript/no-explicit-any
type Step = any;

describe("places", () => {
  test.each(stories)("$about", ({ steps }) => {
    const places = new Places();
    for (const step of steps as Step[]) take(places, step);
  });
});

function take(places: Places, step: Step): void {
  switch (step.do) {
    case "welcome":
      expect(places.hello()).toEqual(step.hello);
      expect(places.welcomed(welcomeFrame({ resume: step.resume, cursor: step.cursor, channels: step.channels }))).toEqual(step.frames ?? []);
      break;
    case "watch":
      expect(places.watch(step.channels, step.since)).toEqual(step.frame);
      break;
    case "watching":
      expect(places.watching({ t: "watching", id: step.id, channels: step.channels, refused: step.refused })).toEqual(step.frames);
      break;
    case "event": {
      const event = { ...eventFrame(step.position, "x", {}), channels: step.channels };
      expect(places.isNew(event)).toBe(step.new);
      if (step.new) places.passed(event);
      expect(places.cursor).toBe(step.cursor);
      break;
    }
    case "mark":
      places.mark(step.cursor);
      break;
    default:
      places.reset(step.cursor);
  }
}
