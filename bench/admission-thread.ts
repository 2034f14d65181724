/** The shipped thread that serves admission, with a watch over its event loop. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { BroadcastChannel } from "node:worker_threads";
import "../src/webhook/main.ts";

const delays = monitorEventLoopDelay({ resolution: 1 });
const channel = new BroadcastChannel("loop");
channel.onmessage = ({ data }) => {
  if (data === "watch") {
    delays.reset();
    delays.enable();
  } else {
    delays.disable();
    channel.postMessage(delays.max / 1e6);
  }
};
