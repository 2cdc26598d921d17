// @a2a-js/sdk as a client of A2A 1.0: `node a2a_js.mjs FLOW BINDING CARD_BASE`; flows and pauses as in a2a_1.py.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Message, StreamResponse, Task, TaskState, taskStateToJSON } from "@a2a-js/sdk";
import {
  ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory, RestTransportFactory,
} from "@a2a-js/sdk/client";

const [flow, binding, base] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = found => process.stdout.write(`${JSON.stringify(found)}\n`);
const pause = async seconds => { tell({ pause: seconds }); await lines.next(); };
const WORKING = new Set([TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING]);
const streaming = flow === "stream";

const fetchImpl = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${process.env.LAB_TOKEN}` } });
const factory = new ClientFactory({
  transports: [new JsonRpcTransportFactory({ fetchImpl }), new RestTransportFactory({ fetchImpl })],
  cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  preferredTransports: [binding],
});
const client = await factory.createFromUrl(base.endsWith("/") ? base : `${base}/`);

let count = 0;
const asking = (text, more = {}) => ({
  message: Message.fromJSON({ messageId: `m${++count}`, role: "ROLE_USER", parts: [{ text }], ...more }),
  configuration: { returnImmediately: flow !== "block", acceptedOutputModes: [] }, tenant: "",
});

async function send(text, more) {
  if (!streaming) {
    const task = await client.sendMessage(asking(text, more));
    tell({ event: "task", task: Task.toJSON(task) });
    return task;
  }
  let task; let state;
  for await (const event of client.sendMessageStream(asking(text, more))) {
    const { $case, value } = event.payload;
    tell({ event: $case, ...StreamResponse.toJSON(event) });
    if ($case === "task") task = value;
    if (value.status) state = value.status.state;
    if (value.status && WORKING.has(state)) await pause(2);
  }
  tell({ event: "end", state: state === undefined ? "" : taskStateToJSON(state) });
  return task;
}

async function look(id) {
  const task = await client.getTask({ id, tenant: "" });
  tell({ event: "look", state: taskStateToJSON(task.status.state), task: Task.toJSON(task) });
  return task;
}

async function settled(id) {
  let task = await look(id);
  for (let n = 0; n < 100 && WORKING.has(task.status.state); n++) { await pause(0.5); task = await look(id); }
  return task;
}

async function refusal(call) {
  try { tell({ event: "done", answer: await call() }); }
  catch (error) { tell({ event: "refused", error: error.name, message: error.message, reason: error.reason }); }
}

async function talk() {
  const first = await send("x");
  if (flow === "poll") await settled(first.id);
  await send("yes", { taskId: first.id, contextId: first.contextId });
  if (flow === "poll") await settled(first.id);
  const again = await send("and?", { contextId: first.contextId });
  if (flow === "poll") await settled(again.id);
  await send("no", { taskId: again.id, contextId: first.contextId });
  if (flow === "poll") await settled(again.id);
}

const flows = {
  stream: talk, poll: talk, block: talk,
  async cancel() {
    const task = await send("x");
    await refusal(() => client.cancelTask({ id: task.id, tenant: "" }));
    await settled(task.id);
  },
  async refused() {
    await refusal(() => client.getTask({ id: "nobodys", tenant: "" }));
    await refusal(() => client.cancelTask({ id: "nobodys", tenant: "" }));
    const task = await send("x");
    await settled(task.id);
    await refusal(() => client.sendMessage(asking("yes", { taskId: task.id, contextId: "foreign" })));
    await send("yes", { taskId: task.id, contextId: task.contextId });
    await settled(task.id);
    await refusal(() => client.sendMessage(asking("more", { taskId: task.id, contextId: task.contextId })));
    await refusal(() => client.cancelTask({ id: task.id, tenant: "" }));
  },
  async push() {
    const token = "t-0123456789abcdef", credentials = "c-0123456789abcdef";
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const piece of request) body += piece;
      const { "x-a2a-notification-token": known, authorization } = request.headers;
      const wanted = request.url === "/bearer" ? `Bearer ${credentials}` : undefined;
      let status = known === token && authorization === wanted ? 204 : 401, state = "";
      try { state = taskStateToJSON(StreamResponse.fromJSON(JSON.parse(body)).payload.value.status.state); }
      catch { status = 400; }
      tell({ event: "told", path: request.url, state, status });
      response.writeHead(status, { connection: "close" }).end();
    });
    await new Promise(listening => server.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${server.address().port}`;
    const authentication = { scheme: "Bearer", credentials };
    const asked = asking("x");
    asked.configuration.taskPushNotificationConfig = { tenant: "", id: "", taskId: "", url: `${url}/bearer`, token, authentication };
    const task = await client.sendMessage(asked);
    const named = { tenant: "", taskId: task.id, id: "other" }, all = { tenant: "", taskId: task.id, pageSize: 0, pageToken: "" };
    const config = found => tell({ event: "config", config: found });
    config(await client.createTaskPushNotificationConfig({ ...named, url: `${url}/token`, token, authentication: undefined }));
    config(await client.getTaskPushNotificationConfig(named));
    config(await client.listTaskPushNotificationConfig(all));
    await pause(4);
    await client.sendMessage(asking("yes", { taskId: task.id, contextId: task.contextId }));
    await pause(30);
    for (let n = 0; n < 2; n++) await client.deleteTaskPushNotificationConfig(named);
    config(await client.listTaskPushNotificationConfig(all));
    server.close();
  },
  async list() {
    const task = await send("x");
    await send("x");
    for (const more of [{}, { contextId: task.contextId }, { pageSize: 1 }]) {
      tell({ event: "list", list: await client.listTasks({ tenant: "", contextId: "", status: 0, pageToken: "", ...more }) });
    }
  },
};
await flows[flow]();
process.stdin.destroy();
