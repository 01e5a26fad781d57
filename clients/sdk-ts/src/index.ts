/** Everything a client of Tap needs below its user interface. */

export { Api, ApiError, type Query, type Uploaded, type UploadOptions } from "./api.ts";
export type { Transport } from "./choice.ts";
export { type ClientOptions, type Status, TapClient } from "./client.ts";
export type * from "./commands.ts";
export { Connection } from "./connection.ts";
export { type TokenProvider, TokenRefused } from "./credentials.ts";
export { type Entities, foldEvent, foldValue } from "./fold.ts";
export * from "./frames.ts";
export { type Host, MemoryShelf, type Shelf, type SocketLike } from "./host.ts";
export { type Entry, type EntryState, Outbox, type Outcome } from "./outbox.ts";
export type { Attention, Phase, Why } from "./phase.ts";
export { openShelf } from "./shelf-idb.ts";
export { type SyncPage, fold, foldPage, install } from "./snapshot.ts";
export { type Post, Store } from "./store.ts";
export { ulidMaker } from "./ulid.ts";
export { View } from "./view.ts";
export * from "./views.ts";
