// ws: what any client says goes to all, as its own documentation has it. node ws_broadcast.cjs PORT
const { WebSocketServer } = require("ws");

const options = { host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 };
const server = new WebSocketServer({ ...options, perMessageDeflate: false });

server.on("connection", (client) => {
  client.on("error", () => {});
  client.on("message", (data) => {
    for (const other of server.clients) {
      other.send(data, { binary: false });
    }
  });
});
