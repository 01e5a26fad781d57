// A client that is the platform's own WebSocket and nothing else: for Node and for a browser's page.
// Lines come in (a JSON map each), lines go out: what was heard, and what became of the socket.
// {connect: url, protocol} | {say: frame} | {close: code}
globalThis.talker = (write) => {
  let socket;
  const say = (map) => write(JSON.stringify(map));
  return (line) => {
    const order = JSON.parse(line);
    if (order.connect) {
      socket = new WebSocket(order.connect, [order.protocol]);
      socket.onopen = () =>
        say({ t: "open", protocol: socket.protocol, extensions: socket.extensions });
      socket.onmessage = (event) => write(event.data);
      socket.onclose = (event) => say({ t: "closed", code: event.code });
    } else if (order.say) {
      socket.send(JSON.stringify(order.say));
    } else if (order.close) {
      socket.close(order.close);
    }
  };
};
