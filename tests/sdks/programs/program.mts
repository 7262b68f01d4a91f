/** Read MARS with the types of openapi-typescript; print as JSON what was read. */

import { readFileSync, writeFileSync } from "node:fs";
import createClient from "openapi-fetch";
import type { AlertList, Band, LightCurvePoint, paths, Position } from "./mars.d.ts";

interface Asked {
  address: string;
  candid: string;
  object_id: string;
  positions: Position[];
  radius: string;
  search: { filter: Band; rb__gte: number; where: string[]; limit: number };
}

type Json = "application/json" | "application/problem+json";
const asked: Asked = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const mars = createClient<paths, Json>({ baseUrl: asked.address });

/** What must be there. */
function sure<T>(value: T | null | undefined, error?: { detail: string }): T {
  if (value == null) throw new Error(error?.detail ?? "nothing there");
  return value;
}

async function pageAt(cursor?: string): Promise<AlertList> {
  const query = { ...asked.search, cursor };
  const { data, error } = await mars.GET("/api/v1/alerts", { params: { query } });
  return sure(data, error);
}

/** The name of a point's class; the compiler sees that none is left out. */
function classOf(point: LightCurvePoint): string {
  switch (point.kind) {
    case "detection":
    case "earlier_detection":
      return point.isdiffpos !== undefined && point.kind === "detection"
        ? "Detection"
        : "EarlierDetection";
    case "upper_limit":
      return typeof point.diffmaglim === "number" ? "UpperLimit" : "no limit";
    case "forced":
      return typeof point.from_candid === "string" ? "Forced" : "from nowhere";
    default:
      return point satisfies never;
  }
}

const byClass = (points: LightCurvePoint[]) =>
  points.map((point) => ({ class: classOf(point), ...point }));

const pages = [await pageAt()];
for (let next = pages[0].next; next; next = pages.at(-1)!.next) pages.push(await pageAt(next));
const back = [pages.at(-1)!];
for (let prev = back[0].prev; prev; prev = back.at(-1)!.prev) back.push(await pageAt(prev));

const { candid, object_id, positions, radius } = asked;
const curve = await mars.GET("/api/v1/objects/{object_id}/lightcurve", {
  params: { path: { object_id } },
});
const alert = await mars.GET("/api/v1/alerts/{candid}", { params: { path: { candid } } });
const match = await mars.POST("/api/v1/match", {
  params: { query: { radius, limit: 2 } },
  body: { positions },
});
const cutout = await mars.GET("/api/v1/alerts/{candid}/cutouts/{kind}.fits", {
  params: { path: { candid, kind: "science" } },
  parseAs: "arrayBuffer",
});
writeFileSync("cutout.fits", new Uint8Array(sure(cutout.data, cutout.error)));
const packet = await mars.GET("/api/v1/alerts/{candid}/avro", {
  params: { path: { candid } },
  parseAs: "arrayBuffer",
});
writeFileSync("packet.avro", new Uint8Array(sure(packet.data, packet.error)));

const refused = await mars.GET("/api/v1/alerts", { params: { query: { sort: "magpsf" } } });
const problem = sure(refused.error);
const missing = await mars.GET("/api/v1/alerts/{candid}", { params: { path: { candid: "1" } } });
const whole = sure(alert.data, alert.error);

console.log(
  JSON.stringify({
    pages,
    back: back.map((page) => page.items.map((item) => item.candid)),
    curve: byClass(sure(curve.data, curve.error).points),
    alert: { ...whole, history: byClass(whole.history) },
    match: sure(match.data, match.error),
    refused: {
      code: refused.response.status,
      parameter: sure(problem.errors)[0].parameter,
      ...problem,
    },
    missing: sure(missing.error),
  }),
);
