import { beforeEach, expect, test } from "vitest";

import { Api, ApiError } from "../src/api.ts";
import { FakeHost } from "./fakes.ts";

let host: FakeHost;
let api: Api;

beforeEach(() => {
  host = new FakeHost();
  api = new Api(host);
});

async function refusalOf(path: string): Promise<ApiError> {
  const error = await api.get(path).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

test("leaves out what is not asked", async () => {
  host.answers["/api/v1/feed"] = { order: [] };
  await api.get("/feed", { view: "latest", before: undefined, q: "" });
  expect(host.requests[0]?.path).toBe("/api/v1/feed?view=latest");
});

test("a file is sent as it is, and its progress told where the machine can tell", async () => {
  const file = new Blob(["leaf"]);
  host.answers["/api/v1/media"] = { hash: "h", type: "text/plain", size: 4, width: 0, height: 0 };
  expect(await api.upload(file)).toMatchObject({ hash: "h", size: 4 });
  expect(host.requests[0]?.init).toMatchObject({ method: "POST", body: file });
  const shares: number[] = [];
  const telling = Object.assign(new FakeHost(), {
    upload: (_path: string, _init: RequestInit, progress: (share: number) => void) => {
      progress(0.5);
      return Promise.resolve(Response.json({ hash: "h2" }));
    },
  });
  expect(await new Api(telling).upload(file, { progress: (share) => shares.push(share) })).toMatchObject({ hash: "h2" });
  expect(shares).toEqual([0.5]);
});

test("a refusal carries the server's code and sentence", async () => {
  const error = { code: "forbidden", message: "Only members may read this.", field: null, retry: false };
  host.answers["/api/v1/x"] = Response.json({ error }, { status: 403 });
  expect(await refusalOf("/x")).toMatchObject({ code: "forbidden", message: "Only members may read this.", status: 403, retry: false });
});

test("who moved is told where to", async () => {
  const error = { code: "moved", message: "Your account is in region de.", field: null, retry: false, url: "https://tap.de" };
  host.answers["/api/v1/x"] = Response.json({ error }, { status: 410 });
  expect(await refusalOf("/x")).toMatchObject({ code: "moved", url: "https://tap.de", status: 410 });
});

test("an answer nobody understands is still a sentence", async () => {
  host.answers["/api/v1/x"] = new Response("<html>", { status: 502 });
  expect(await refusalOf("/x")).toMatchObject({ code: "internal", status: 502, retry: true });
});

test("no network is a refusal like others", async () => {
  expect(await refusalOf("/nowhere")).toMatchObject({ code: "offline", status: 0, retry: true });
});
