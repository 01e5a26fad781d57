// Bun's own server: all subscribe to one topic, what any client says is published. bun bun_publish.mjs PORT
const ALL = "all";

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("a websocket, please", { status: 426 })),
  websocket: {
    perMessageDeflate: false,
    backpressureLimit: 64 * 1024 * 1024,
    open: (client) => client.subscribe(ALL),
    message: (_client, text) => server.publish(ALL, text),
  },
});
