// node node_client.js: the talker on standard input and output.
require("./talker.js");
const { createInterface } = require("node:readline");
const hear = globalThis.talker((line) => process.stdout.write(line + "\n"));
createInterface({ input: process.stdin }).on("line", hear);
