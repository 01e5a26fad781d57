import { render } from "preact";

import "./styles/index.css";
import { App } from "./app.tsx";
import { startRouting } from "./router.ts";
import { listenToMachine, start } from "./session.ts";
import { startKeys } from "./shell/keys.ts";
import { startTheme } from "./shell/theme.ts";
import { startClock } from "./ui/clock.ts";
import { keepFocus } from "./ui/focus.ts";

const root = document.getElementById("app");
if (root !== null) {
  startTheme();
  startRouting();
  startKeys();
  startClock();
  keepFocus();
  listenToMachine();
  render(<App />, root);
  void start();
}
