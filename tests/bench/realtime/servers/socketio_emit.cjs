// Socket.IO on ws, websocket transport only: what any client says is emitted to all.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });

io.on("connection", (socket) => {
  socket.on("say", (text) => io.emit("say", text));
});

http.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
