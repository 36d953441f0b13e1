import { layout, type Unplaced } from "./layout";

self.onmessage = ({ data }: MessageEvent<Unplaced>) => {
  self.postMessage(layout(data));
};
